"""What the audit log has of one request: who did what, from where, and what came of it."""

from datetime import datetime

from msgspec import Struct

THIS_MACHINE = "this machine"
"""Who needs no key: the terminal of the data folder's owner, and everybody there while no key was made."""
UNKNOWN = "unknown"
"""Who showed no key, or none that opens anything."""


FAILED = 400
"""From this status on nothing came of a request."""


class AuditEntry(Struct, frozen=True, kw_only=True):
    """One request that changed something, or that was refused. Nothing of what was sent in it is here."""

    sequence: int
    """The later entry has the higher one."""
    at: datetime
    key: str | None
    """The id of the access key; null for who needed none, and who is not known."""
    who: str
    """The key's name then, THIS_MACHINE or UNKNOWN."""
    address: str
    operation: str
    """In words: `create access key`."""
    parameters: dict[str, str]
    """What the address of the request named."""
    status: int
    """Of the answer."""
    refused: bool
    """It was not let in, and nothing was done."""

    @property
    def came_to_nothing(self) -> bool:
        """Whether it was refused, or failed."""
        return self.refused or self.status >= FAILED
