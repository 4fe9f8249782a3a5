"""Statistics of the last while, by when: fine ones of a short time, coarser ones of a longer, always few.

Times are seconds since 1970, and the clock is the machine's: it may be set back or ahead. What it does is never
more than a misplaced count: what lies ahead of the clock is taken into the present span, and of each resolution
the newest spans are kept, however old they are.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from mdsa_server.monitor.statistics import NOTHING, Statistics, merged, total

Window = Literal["15m", "24h", "30d"]


@dataclass(frozen=True)
class Resolution:
    """Spans of so many seconds, of which so many are kept."""

    step: int
    kept: int

    def start_of(self, now: float) -> int:
        """Say when the span began that a moment is in."""
        return int(now // self.step) * self.step


RESOLUTIONS: dict[Window, Resolution] = {
    "15m": Resolution(10, 90),
    "24h": Resolution(600, 144),
    "30d": Resolution(21_600, 120),
}


@dataclass(frozen=True)
class Changes:
    """What the store lacks of one resolution: spans by their start, and which of the others to keep."""

    step: int
    spans: dict[int, Statistics]
    oldest: int
    newest: int


@dataclass
class _Spans:
    resolution: Resolution
    by_start: dict[int, Statistics] = field(default_factory=dict)
    changed: set[int] = field(default_factory=set)

    def add(self, more: Statistics, now: float) -> None:
        present = self.resolution.start_of(now)
        self.by_start[present] = merged(self.by_start.get(present, NOTHING), more)
        for start in [start for start in self.by_start if start > present]:
            self.by_start[present] = merged(self.by_start[present], self.by_start.pop(start))
        while len(self.by_start) > self.resolution.kept:
            del self.by_start[min(self.by_start)]
        self.changed = {start for start in self.changed | {present} if start in self.by_start}


class History:
    """All resolutions side by side. `stored` has what a former server left: each span's step, start and counts."""

    def __init__(self, stored: Iterable[tuple[int, int, Statistics]] = ()) -> None:
        self._spans = {resolution.step: _Spans(resolution) for resolution in RESOLUTIONS.values()}
        for step, start, statistics in stored:
            if step in self._spans:
                self._spans[step].by_start[start] = statistics

    def add(self, more: Statistics, now: float) -> None:
        """Count what happened just now in the present span of each resolution."""
        for spans in self._spans.values():
            spans.add(more, now)

    def spans(self, window: Window, now: float) -> list[tuple[int, Statistics]]:
        """Give each span of a window, oldest first, with its start; the last is under way, and some may be empty."""
        resolution = RESOLUTIONS[window]
        last, known = resolution.start_of(now), self._spans[resolution.step].by_start
        starts = range(last - (resolution.kept - 1) * resolution.step, last + 1, resolution.step)
        return [(start, known.get(start, NOTHING)) for start in starts]

    def take_changes(self) -> list[Changes]:
        """Give what is to be stored; it counts as stored until `not_stored` says otherwise."""
        taken = []
        for step, spans in self._spans.items():
            if spans.changed:
                changed = {start: spans.by_start[start] for start in spans.changed}
                taken.append(Changes(step, changed, min(spans.by_start), max(spans.by_start)))
            spans.changed = set()
        return taken

    def not_stored(self, changes: Iterable[Changes]) -> None:
        """Take back what could not be stored: it is given again, with what has come since."""
        for change in changes:
            spans = self._spans[change.step]
            spans.changed |= change.spans.keys() & spans.by_start.keys()


def over(spans: Iterable[tuple[int, Statistics]]) -> Statistics:
    """Make one of the spans of a window."""
    return total(statistics for _, statistics in spans)
