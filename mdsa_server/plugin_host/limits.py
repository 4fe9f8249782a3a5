"""How far plugins are trusted."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The same for every plugin. Times are in seconds."""

    call_timeout: float
    """For one call, and for a plugin to open or close."""
    fit_timeout: float
    """For a router to learn the domains."""
    learning_timeout: float
    """For a call to wait until its router has learnt them."""
    max_faults: int
    """So many in a row, of one thing that a plugin offers, are too many."""
