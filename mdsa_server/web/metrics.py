"""What the monitor tells, in one piece: for the API, and for the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

from msgspec import Struct

from mdsa_server import __version__
from mdsa_server.errors import MdsaError
from mdsa_server.monitor.counters import Metrics
from mdsa_server.monitor.histogram import Percentiles
from mdsa_server.monitor.history import RESOLUTIONS, Window, over
from mdsa_server.monitor.host import HostReading
from mdsa_server.monitor.statistics import DomainStatistics, Statistics
from mdsa_server.vocabulary.models import EngineStatus, WaitingTurns
from mdsa_server.web.model_table import KnownModels, ModelRow
from mdsa_server.web.rooms import Rooms

MINUTE = 60.0

ServerState = Literal["ready", "no engine", "closing"]

Spans = Sequence[tuple[int, Statistics]]
"""The spans of a window, as `History.spans` has them."""


class Figures(Struct, frozen=True, kw_only=True):
    """The window in numbers. Null is what nothing is known of."""

    turns_started: int
    turns_answered: int
    turns_failed: int
    turns_cancelled: int
    success_rate: float | None
    """Answered turns of those that were answered or failed."""
    turns_per_minute: float
    seconds_to_answer: Percentiles | None
    """Of answered turns, within 10 %."""
    seconds_to_first_token: Percentiles | None
    tokens_per_second: float | None
    """How fast answers came, from their first token on."""
    answer_tokens: int
    prompt_tokens: int
    loads: int
    """How often a model was loaded."""
    load_seconds: float


class DomainRow(Struct, frozen=True, kw_only=True):
    """A domain in the window."""

    name: str
    configured: bool
    """False where only the past knows it."""
    turns: int
    share: float
    """Of all turns that found a domain."""
    confidence: float | None
    """The mean of those that routers decided."""
    abstained: int
    """Turns that it got because no domain seemed to fit, or routers were unsure of all."""
    corrections: int
    """Turns of which somebody said that another domain should have answered, and nobody rejected that."""
    mean_seconds: float | None
    """What an answer took."""
    running: int
    """Turns that it answers now."""


class Point(Struct, frozen=True, kw_only=True):
    """One span of the series."""

    at: datetime
    """When it began."""
    turns_answered: int
    turns_failed: int
    turns_cancelled: int
    seconds_to_answer: Percentiles | None
    seconds_to_first_token: Percentiles | None
    tokens_per_second: float | None
    processor: float | None
    """The share of the machine's that was busy, 0 to 1; `own_processor` what the server and its children took of it."""
    own_processor: float | None
    memory: float | None
    """In bytes, like `own_memory`."""
    own_memory: float | None


class Series(Struct, frozen=True, kw_only=True):
    step_seconds: int
    points: list[Point]
    """Oldest first; the last is under way."""


class ServerMetrics(Struct, frozen=True, kw_only=True):
    """How the server is, and what it did."""

    status: ServerState
    version: str
    uptime_seconds: float
    engine: EngineStatus
    turns: Metrics
    """Since the server started."""
    window: Window
    over_window: Figures
    line: list[WaitingTurns]
    """Who waits for a model, those that have waited longest first."""
    domains: list[DomainRow]
    models: list[ModelRow]
    """All that are installed; those in memory have `resident`."""
    models_problem: str
    """Why they are not known, or not as they are now."""
    host: HostReading | None
    """Null until the machine was read."""
    series: Series


async def server_metrics(rooms: Rooms, window: Window, models: KnownModels) -> ServerMetrics:
    """Tell everything. Raises StoreUnusable."""
    spans = rooms.recorder.spans(window)
    whole = over(spans)
    return ServerMetrics(
        status=server_state(rooms),
        version=__version__,
        uptime_seconds=rooms.uptime(),
        engine=rooms.engine.status,
        turns=rooms.counters.metrics(),
        window=window,
        over_window=figures(spans, whole, window),
        line=list(rooms.keeper.waiting()),
        domains=domain_rows(rooms, whole, await corrections_in(rooms, window)),
        models=list(models.rows),
        models_problem=models.problem,
        host=rooms.host_watch.latest,
        series=Series(step_seconds=RESOLUTIONS[window].step, points=[point(*span) for span in spans]),
    )


def server_state(rooms: Rooms) -> ServerState:
    try:
        rooms.live_turns.check_open()
    except MdsaError:
        return "closing"
    return "no engine" if rooms.engine.status.problem else "ready"


def figures(spans: Spans, whole: Statistics, window: Window) -> Figures:
    """Put a window into numbers; `whole` is all of it."""
    return Figures(
        turns_started=whole.started,
        turns_answered=whole.answered,
        turns_failed=whole.failed,
        turns_cancelled=whole.cancelled,
        success_rate=whole.success_rate,
        turns_per_minute=whole.started / _minutes(spans, window),
        seconds_to_answer=whole.latency.percentiles(),
        seconds_to_first_token=whole.first_token.percentiles(),
        tokens_per_second=whole.tokens_per_second,
        answer_tokens=whole.answer_tokens,
        prompt_tokens=whole.prompt_tokens,
        loads=whole.loads,
        load_seconds=whole.load_seconds,
    )


def domain_rows(rooms: Rooms, whole: Statistics, corrections: Mapping[str, int]) -> list[DomainRow]:
    """Give the configured domains in their order, then those that only the window knows."""
    configured = rooms.live_turns.desk.team.domains
    running = rooms.counters.running_by_domain
    turns = sum(domain.turns for domain in whole.domains.values())
    rows = []
    for name in dict.fromkeys([*configured, *whole.domains, *corrections]):
        known = whole.domains.get(name, DomainStatistics())
        rows.append(
            DomainRow(
                name=name,
                configured=name in configured,
                turns=known.turns,
                share=known.turns / turns if turns else 0.0,
                confidence=known.confidence / known.decided if known.decided else None,
                abstained=known.abstained,
                corrections=corrections.get(name, 0),
                mean_seconds=known.seconds / known.answered if known.answered else None,
                running=running.get(name, 0),
            )
        )
    return rows


async def corrections_in(rooms: Rooms, window: Window) -> Counter[str]:
    """Count the corrections of a window by the domain that had answered. Raises StoreUnusable."""
    resolution = RESOLUTIONS[window]
    since = datetime.now(UTC).timestamp() - resolution.step * resolution.kept
    return await rooms.teaching.corrections.count_by_answered(since)


def point(start: int, statistics: Statistics) -> Point:
    return Point(
        at=datetime.fromtimestamp(start, UTC),
        turns_answered=statistics.answered,
        turns_failed=statistics.failed,
        turns_cancelled=statistics.cancelled,
        seconds_to_answer=statistics.latency.percentiles(),
        seconds_to_first_token=statistics.first_token.percentiles(),
        tokens_per_second=statistics.tokens_per_second,
        processor=statistics.processor.mean,
        own_processor=statistics.own_processor.mean,
        memory=statistics.memory.mean,
        own_memory=statistics.own_memory.mean,
    )


def _minutes(spans: Spans, window: Window) -> float:
    """Say how much of a window there is anything of: a server that began a moment ago is not idle for the rest."""
    step = RESOLUTIONS[window].step
    begun = next((place for place, (_, counts) in enumerate(spans) if counts.started or counts.memory.count), 0)
    return max((len(spans) - begun) * step / MINUTE, 1.0)
