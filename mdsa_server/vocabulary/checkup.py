"""What the doctor looked at, and how it found each."""

from typing import Literal

from msgspec import Struct

State = Literal["ok", "warning", "fault"]


class Check(Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    what: str
    state: State
    """`warning`: something will not work as it was meant. `fault`: the server does not start, or cannot do its work."""
    found: str
    mend: str = ""
    """What to do about it, as a sentence; empty where it is well."""


def ok(what: str, found: str) -> Check:
    """Say that something is well."""
    return Check(what=what, state="ok", found=found)


def warning(what: str, found: str, mend: str) -> Check:
    """Say that something is not as it should be."""
    return Check(what=what, state="warning", found=found, mend=mend)


def fault(what: str, found: str, mend: str) -> Check:
    """Say that something is broken."""
    return Check(what=what, state="fault", found=found, mend=mend)
