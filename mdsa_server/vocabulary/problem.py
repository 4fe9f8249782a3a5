"""A problem: what went wrong, in the same words for a page, an API and a stream."""

from msgspec import Struct


class Problem(Struct, frozen=True, kw_only=True):
    """An error that a person can act on. RFC 9457's fields, and `mend`: what to do about it."""

    code: str
    """The error's name in kebab case; stable, for programs."""
    title: str
    detail: str
    mend: str = ""
    retry_after: int | None = None
    """Seconds after which the same request may well succeed; None where it would not by waiting."""


UNEXPECTED = Problem(
    code="unexpected",
    title="Something went wrong in the server",
    detail="An error that nobody foresaw. The server's log has its traceback.",
    mend="Try again; if it stays, report it with the lines of the log.",
)

CANCELLED = Problem(
    code="cancelled",
    title="Cancelled",
    detail="What was taken in until then stays, each document whole.",
    mend="Take the rest in when you like: what has not changed is passed over.",
)
