"""Who may do what: scopes, and the keys that carry them."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

Scope = Literal["chat", "documents", "monitor", "admin"]

SCOPES: tuple[Scope, ...] = ("chat", "documents", "monitor", "admin")
"""`chat`: converse. `documents`: take documents in, read and delete them. `monitor`: see how the server is. `admin`:
change what it does."""


class AccessKey(Struct, frozen=True, kw_only=True):
    """A key, as those who manage keys see it: its secret is shown once, when it is made."""

    id: str
    """Whose conversations these are, also once its secret was changed."""
    name: str
    scopes: tuple[Scope, ...]
    domains: tuple[str, ...] = ()
    """Those that may answer; empty for all."""
    created: datetime
    expires: datetime | None = None
    revoked: datetime | None = None
    last_used: datetime | None = None
    """To the minute; None where it never was."""
    requests_per_minute: int | None = None
    """None: as many as the server allows anybody."""
    tokens_per_minute: int | None = None

    def holds(self, now: datetime) -> bool:
        """Whether it opens anything at a moment."""
        return self.revoked is None and (self.expires is None or now < self.expires)
