"""The monitor's sections: for each, what it shows now, and the fragment that shows it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from litestar import Litestar

from mdsa_server import __version__
from mdsa_server.monitor.history import Window, over
from mdsa_server.web.charts import WINDOW_WORDS, charts
from mdsa_server.web.feed import Section
from mdsa_server.web.metrics import corrections_in, domain_rows, figures, server_state
from mdsa_server.web.model_table import KnownModels
from mdsa_server.web.pages.answer_stream import event_data
from mdsa_server.web.rendering import idle, render_in, span
from mdsa_server.web.rooms import Rooms

# The slowest to draw, and nobody sees them grow.
CHART_SECONDS = 2.0
# Counted by the store, and said by people.
CORRECTION_SECONDS = 5.0


@dataclass(frozen=True)
class Part:
    """A section as data: its fragment's name is `fragments/monitor/NAME.html`, and its element's id `NAME`."""

    name: str
    facts: object
    """Compared to tell whether it has changed; times in it are as coarse as they are shown."""
    context: dict[str, Any]


class MonitorView:
    """One window. Looking again is cheap where little has happened."""

    def __init__(self, rooms: Rooms, window: Window) -> None:
        self._rooms = rooms
        self._window = window
        self._drawn_at = self._counted_at = float("-inf")
        self._charts: Part | None = None
        self._corrections: dict[str, int] = {}

    async def parts(self, models: KnownModels) -> list[Part]:
        """Give all sections. Raises StoreUnusable."""
        rooms, window, now = self._rooms, self._window, time.monotonic()
        spans = rooms.recorder.spans(window)
        whole = over(spans)
        if now - self._counted_at >= CORRECTION_SECONDS:
            self._corrections, self._counted_at = dict(await corrections_in(rooms, window)), now
        if self._charts is None or now - self._drawn_at >= CHART_SECONDS:
            if self._charts is None or self._charts.facts != spans:
                self._charts = Part("charts", spans, {"charts": charts(spans, window)})
            self._drawn_at = now
        domains = domain_rows(rooms, whole, self._corrections)
        line = rooms.keeper.waiting()
        counts = figures(spans, whole, window)
        running, waiting = rooms.counters.running, sum(one.turns for one in line)
        status = {
            "state": server_state(rooms),
            "engine": rooms.engine.status,
            "uptime": span(rooms.uptime()),
            "version": __version__,
        }
        fallback = rooms.live_turns.desk.team.fallback
        host, host_problem = rooms.host_watch.latest, rooms.host_watch.problem
        in_line = [(one.model, one.turns, span(one.seconds)) for one in line]
        return [
            Part("status", status, status),
            Part("figures", (counts, running, waiting), {"figures": counts, "running": running, "waiting": waiting}),
            self._charts,
            Part("line", in_line, {"line": in_line}),
            Part("models", _shown(models), {"models": models, "window": window}),
            Part("domains", (domains, fallback), {"domains": domains, "fallback": fallback}),
            Part("machine", (host, host_problem), {"host": host, "host_problem": host_problem}),
        ]

    async def page(self, models: KnownModels) -> dict[str, Any]:
        """Give the context of the whole page. Raises StoreUnusable."""
        context: dict[str, Any] = {"window": self._window, "windows": WINDOW_WORDS}
        for part in await self.parts(models):
            context |= part.context
        return context

    async def sections(self, app: Litestar, models: KnownModels) -> Sequence[Section]:
        """Give them as a feed takes them. Raises StoreUnusable."""
        return [Section(part.name, part.facts, partial(frame, app, part)) for part in await self.parts(models)]


def frame(app: Litestar, part: Part) -> bytes:
    """Write a section as an event that is merged into the page's."""
    return event_data(render_in(app, "fragments/monitor/frame.html", part=part.name, **part.context))


def _shown(models: KnownModels) -> object:
    """Tell what is seen of models: that they are idle is told in minutes."""
    return models.problem, [
        (
            row.installed,
            row.resident,
            row.use.phase,
            (row.use.in_use, row.use.waiting, row.use.pinned, row.use.loads),
            None if row.use.idle_seconds is None else idle(row.use.idle_seconds),
        )
        for row in models.rows
    ]
