"""A fault of the configuration: what is wrong, where, and how to mend it."""

from msgspec import Struct


class Fault(Struct, frozen=True, kw_only=True):
    """One thing that is wrong in what the owner of the server wrote."""

    file: str
    """Where it was written: the file's name, the environment variable's, or `command line`."""
    line: int | None = None
    """Counted from 1; None where there are no lines, or none of them is to blame."""
    key: str
    """Dotted, as `server.port`; empty where the whole file is meant."""
    what: str
    """What is wrong, in words that follow the key."""
    mend: str
    """What to do about it, as a sentence."""

    @property
    def place(self) -> str:
        """File and line, as editors and terminals link them."""
        return self.file if self.line is None else f"{self.file}:{self.line}"

    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        return f"{self.place}: {key}{self.what}. Mend: {self.mend}"
