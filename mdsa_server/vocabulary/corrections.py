"""What people say of routes that were wrong, and what came of teaching it to the routers."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

CorrectionState = Literal["pending", "accepted", "rejected"]


class Correction(Struct, frozen=True, kw_only=True):
    """A message, and the domain that a person said is right for it."""

    id: str
    turn: str | None
    """None once the turn was deleted: an accepted correction outlives it."""
    message: str
    domain: str | None
    """None where the message belongs to no domain."""
    answered: str | None
    """The domain that had answered; None where the turn failed before it was chosen."""
    said: datetime
    state: CorrectionState = "pending"


class HeldOut(Struct, frozen=True, kw_only=True):
    """How often a router was right about messages that it had not learnt from, before it was taught and after.

    They are the same messages: those that belong to a domain and that it was tried on both times.
    """

    router: str
    messages: int
    """How many."""
    before: float
    """The share that it told right, 0 to 1."""
    after: float


class Taught(Struct, frozen=True, kw_only=True):
    """What came of a correction that changed what the routers know."""

    correction: Correction
    held_out: tuple[HeldOut, ...] = ()
    """Of each router that measures itself."""
    warnings: tuple[str, ...] = ()
    """Routers that did not learn, and where the message goes if not where it should; a sentence each."""
