"""Seconds since something began."""

import time
from collections.abc import Callable

Stopwatch = Callable[[], float]


def stopped() -> float:
    """The stopwatch of what does not run."""
    return 0.0


def stopwatch() -> Stopwatch:
    """Begin now; each call of what is given back says how many seconds have passed."""
    began = time.monotonic()
    return lambda: time.monotonic() - began
