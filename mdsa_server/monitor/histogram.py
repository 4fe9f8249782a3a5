"""How spans of time are distributed: counts between fixed boundaries, so that any two can be merged."""

from bisect import bisect_left
from itertools import accumulate

from msgspec import Struct

STEPS_A_DECADE = 24
"""Neighbouring boundaries are a factor of 1.101 apart. A percentile lies between the same two as the span that it
stands for, so it is off by less than 10.1 %, whatever the spans are. Twice as many steps would halve that, and half a
second from 0.55 s nobody tells anyway."""

BOUNDARIES = tuple(0.001 * 10 ** (step / STEPS_A_DECADE) for step in range(6 * STEPS_A_DECADE + 1))
"""In seconds, from 1 ms to 1,000 s: what is shorter counts as 1 ms, and what is longer as 1,000 s."""

COARSE = range(0, len(BOUNDARIES), STEPS_A_DECADE // 3)
"""Places of the boundaries that are told where every one costs: three a decade."""


class Percentiles(Struct, frozen=True):
    """In seconds."""

    p50: float
    p95: float
    p99: float


class Histogram(Struct, frozen=True, omit_defaults=True):
    """Spans of time, each counted below the boundary that it does not exceed."""

    counts: dict[int, int] = {}
    """By the place of that boundary; what exceeds the last has the place after it. Not to be changed."""
    seconds: float = 0.0
    """All spans together."""

    @classmethod
    def of(cls, seconds: float) -> "Histogram":
        """Count one span."""
        return cls({bisect_left(BOUNDARIES, seconds): 1}, seconds)

    def __len__(self) -> int:
        return sum(self.counts.values())

    def merged(self, other: "Histogram") -> "Histogram":
        """Count what either has counted."""
        if not other.counts:
            return self
        counts = dict(self.counts)
        for place, count in other.counts.items():
            counts[place] = counts.get(place, 0) + count
        return Histogram(counts, self.seconds + other.seconds)

    def percentile(self, share: float) -> float:
        """Give the span that a share of all, above 0 and up to 1, does not exceed. There must be one."""
        rank, below = share * len(self), 0
        for place, count in sorted(self.counts.items()):
            if below + count >= rank:
                return _between(place, (rank - below) / count)
            below += count
        raise ValueError("a histogram without spans has no percentiles")

    def percentiles(self) -> Percentiles | None:
        """Give the usual ones; None where nothing was counted."""
        return Percentiles(*map(self.percentile, (0.5, 0.95, 0.99))) if self.counts else None

    def at_most(self) -> list[tuple[float, int]]:
        """Tell for each coarse boundary, in seconds, how many spans do not exceed it."""
        below = list(accumulate(self.counts.get(place, 0) for place in range(len(BOUNDARIES))))
        return [(BOUNDARIES[place], below[place]) for place in COARSE]


def _between(place: int, share: float) -> float:
    """Go a share of the way from the boundary before a place to its own, as both are apart: by a factor."""
    if place == 0:
        return BOUNDARIES[0]
    if place == len(BOUNDARIES):
        return BOUNDARIES[-1]
    low, high = BOUNDARIES[place - 1], BOUNDARIES[place]
    return float(low * (high / low) ** share)
