"""The monitor's charts: series of a window to the coordinates of an SVG, which a template draws."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mdsa_server.monitor.history import RESOLUTIONS, Window
from mdsa_server.monitor.statistics import Statistics
from mdsa_server.web.metrics import Spans
from mdsa_server.web.plots import Mark
from mdsa_server.web.rendering import count, percent, seconds, size
from mdsa_server.web.time_axis import moments, step_up

# In units of the drawing: about as wide as it is shown, so that its letters are as large as they are meant.
WIDTH, HEIGHT = 360.0, 148.0
LEFT, TOP, RIGHT, BOTTOM = 46.0, 8.0, 356.0, 124.0
# Labels below are so wide that one nearer to an end than this would be cut.
HALF_A_LABEL = 16.0

Values = Sequence[float | None]
"""One for each span, oldest first; None where nothing is known."""

SPAN_WORDS: dict[Window, str] = {"15m": "10 seconds", "24h": "10 minutes", "30d": "6 hours"}
WINDOW_WORDS: dict[Window, str] = {"15m": "15 minutes", "24h": "24 hours", "30d": "30 days"}


@dataclass(frozen=True)
class Trace:
    """One series of a chart: a path, how it is drawn, and what its legend says."""

    kind: str
    """A class of the styles: `first`, `second` or `third`."""
    name: str
    now: str
    """Its present value, in words; empty where it is not told."""
    path: str


@dataclass(frozen=True)
class Chart:
    """A chart as it is drawn."""

    name: str
    title: str
    label: str
    """What it shows, for those who do not see it."""
    empty: str
    """What will be seen, where there is nothing yet; else empty."""
    bars: bool
    traces: Sequence[Trace]
    upwards: Sequence[Mark]
    across: Sequence[Mark]


@dataclass(frozen=True)
class _Series:
    kind: str
    name: str
    values: Values


def charts(spans: Spans, window: Window) -> list[Chart]:
    """Draw all of a window; `spans` are its own."""
    counted = [statistics for _, statistics in spans]

    def each(read: Callable[[Statistics], float | None]) -> Values:
        return [read(statistics) for statistics in counted]

    latencies = [one.latency.percentiles() for one in counted]
    firsts = [one.first_token.percentiles() for one in counted]
    span = SPAN_WORDS[window]
    drawing = _Drawing(spans, window)
    return [
        drawing.bars(
            "turns",
            "Turns",
            f"Each bar will be the turns that ended in {span}.",
            [
                _Series("first", "answered", each(lambda one: one.answered)),
                _Series("second", "failed", each(lambda one: one.failed)),
                _Series("third", "stopped", each(lambda one: one.cancelled)),
            ],
        ),
        drawing.lines(
            "latency",
            "Time to answer",
            f"Half of the answers in {span} will have come within the lower line, 95 % within the upper.",
            seconds,
            [
                _Series("second", "p95", [one.p95 if one else None for one in latencies]),
                _Series("first", "median", [one.p50 if one else None for one in latencies]),
            ],
        ),
        drawing.lines(
            "first-token",
            "Time to first token",
            "How long people wait until an answer begins will be seen here.",
            seconds,
            [
                _Series("second", "p95", [one.p95 if one else None for one in firsts]),
                _Series("first", "median", [one.p50 if one else None for one in firsts]),
            ],
        ),
        drawing.lines(
            "speed",
            "Tokens a second",
            "How fast answers come, from their first token on, will be seen here.",
            count,
            [_Series("first", "last", each(lambda one: one.tokens_per_second))],
        ),
        drawing.lines(
            "processor",
            "Processor",
            "The machine's load will be seen here in a few seconds.",
            percent,
            [
                _Series("third", "machine", each(lambda one: one.processor.mean)),
                _Series("first", "this server", each(lambda one: one.own_processor.mean)),
            ],
        ),
        drawing.lines(
            "memory",
            "Memory",
            "The machine's memory in use will be seen here in a few seconds.",
            size,
            [
                _Series("third", "machine", each(lambda one: one.memory.mean)),
                _Series("first", "this server", each(lambda one: one.own_memory.mean)),
            ],
        ),
    ]


class _Drawing:
    """Where moments and values of one window lie."""

    def __init__(self, spans: Spans, window: Window) -> None:
        self._step = RESOLUTIONS[window].step
        self._begins = spans[0][0]
        self._ends = spans[-1][0] + self._step
        self._starts = [start for start, _ in spans]
        self._window = window
        ticks = [Mark(self._across(moment), text) for moment, text in moments(window, self._begins, self._ends)]
        self._ticks = [tick for tick in ticks if LEFT + HALF_A_LABEL <= tick.at <= RIGHT - HALF_A_LABEL]

    def bars(self, name: str, title: str, empty: str, stacked: Sequence[_Series]) -> Chart:
        """Stack counts."""
        totals = [sum(filter(None, values)) for values in zip(*(one.values for one in stacked), strict=True)]
        step = step_up(max(totals), whole=True)
        top = 4 * step
        width = max((RIGHT - LEFT) / len(totals) - 1.0, 1.0)
        below = [0.0] * len(totals)
        traces = []
        for series in stacked:
            path = []
            for place, value in enumerate(series.values):
                if value:
                    low, high = _up(below[place], top), _up(below[place] + value, top)
                    left = self._across(self._starts[place]) + 0.5
                    path.append(f"M{left:.1f} {low:.1f}V{high:.1f}h{width:.1f}V{low:.1f}z")
                    below[place] += value
            traces.append(Trace(series.kind, series.name, count(sum(filter(None, series.values))), "".join(path)))
        said = ", ".join(f"{trace.now} {trace.name}" for trace in traces)
        label = f"{title} in the last {WINDOW_WORDS[self._window]}: {said}."
        return self._chart(name, title, label, "" if any(totals) else empty, traces, step, count, bars=True)

    def lines(
        self, name: str, title: str, empty: str, write: Callable[[float], str], series: Sequence[_Series]
    ) -> Chart:
        """Draw lines, broken where nothing is known."""
        known = [value for one in series for value in one.values if value is not None]
        most = 1.0 if write is percent else max(known, default=0.0)
        step = 0.25 if write is percent else step_up(most)
        traces = [
            Trace(one.kind, one.name, _last(one.values, write), self._line(one.values, 4 * step)) for one in series
        ]
        said = "; ".join(
            f"{trace.name} {trace.now} last, {_most(one.values, write)} at most".strip()
            for trace, one in zip(traces, series, strict=True)
        )
        label = f"{title} in the last {WINDOW_WORDS[self._window]}: {said}."
        return self._chart(name, title, label, "" if known else empty, traces, step, write, bars=False)

    def _chart(
        self,
        name: str,
        title: str,
        label: str,
        empty: str,
        traces: Sequence[Trace],
        step: float,
        write: Callable[[float], str],
        *,
        bars: bool,
    ) -> Chart:
        upwards = [Mark(_up(number * step, 4 * step), write(number * step) if number else "0") for number in range(5)]
        return Chart(name, title, label, empty, bars, traces, upwards, self._ticks)

    def _across(self, moment: float) -> float:
        return LEFT + (moment - self._begins) / (self._ends - self._begins) * (RIGHT - LEFT)

    def _line(self, values: Values, top: float) -> str:
        """Draw each value as long as its span is, and join those without a gap between."""
        path = []
        width = self._across(self._step) - self._across(0)
        joined = False
        for start, value in zip(self._starts, values, strict=True):
            if value is not None:
                path.append(f"{'L' if joined else 'M'}{self._across(start):.1f} {_up(value, top):.1f}h{width:.1f}")
            joined = value is not None
        return "".join(path)


def _up(value: float, top: float) -> float:
    return BOTTOM - value / top * (BOTTOM - TOP)


def _last(values: Values, write: Callable[[float], str]) -> str:
    return next((write(value) for value in reversed(values) if value is not None), "")


def _most(values: Values, write: Callable[[float], str]) -> str:
    return write(max((value for value in values if value is not None), default=0.0))
