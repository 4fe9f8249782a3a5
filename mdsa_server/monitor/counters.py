"""Counts of what happens: a fold over the events of all turns, and whatever else is counted."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from msgspec import Struct

from mdsa_server.monitor.histogram import Histogram, Percentiles
from mdsa_server.monitor.statistics import NOTHING, DomainStatistics, Statistics, merged
from mdsa_server.vocabulary.events import (
    RouteChosen,
    Token,
    ToolCalled,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnStarted,
)
from mdsa_server.vocabulary.routing import Route
from mdsa_server.vocabulary.turn import Turn

ABSTAINED = ("out of scope", "unsure")


class Metrics(Struct, frozen=True, kw_only=True):
    """What happened since the server started."""

    turns_started: int
    turns_answered: int
    turns_failed: int
    turns_cancelled: int
    turns_running: int
    answer_tokens: int
    prompt_tokens: int
    turns_by_domain: dict[str, int]
    turns_by_router: dict[str, int]
    seconds_to_answer: Percentiles | None
    """Of answered turns, within 10 %; None until there is one."""
    seconds_to_first_token: Percentiles | None


@dataclass
class _Running:
    domain: str | None = None
    called_tools: bool = False


class Counters:
    """Sees every event of every turn."""

    def __init__(self) -> None:
        self.version = 0
        """Grows with each count."""
        self._running: dict[str, _Running] = {}
        self._settled = NOTHING
        """Everything up to when it was last settled."""
        self._fresh = NOTHING
        """Everything since."""

    def observe(self, turn: Turn, event: TurnEvent) -> None:
        """Count one event of `turn`."""
        match event:
            case Token():
                pass
            case TurnStarted():
                self._running[turn.id] = _Running()
                self.count(Statistics(started=1))
            case RouteChosen(route=route):
                self._running.setdefault(turn.id, _Running()).domain = route.domain
                self.count(Statistics(domains={route.domain: _chosen(route)}, routers={route.router: 1}))
            case ToolCalled():
                self._running.setdefault(turn.id, _Running()).called_tools = True
            case TurnFailed() | TurnFinished():
                # One that was cancelled at once was never told to have started.
                unseen = Statistics(started=turn.id not in self._running)
                self.count(merged(unseen, _ended(event, self._running.pop(turn.id, _Running()))))

    def count(self, more: Statistics) -> None:
        """Count anything."""
        self._fresh = merged(self._fresh, more)
        self.version += 1

    def settle(self) -> Statistics:
        """Give what was counted since this was last called, to be kept elsewhere: each count is given once."""
        settled, self._fresh = self._fresh, NOTHING
        self._settled = merged(self._settled, settled)
        return settled

    @property
    def running(self) -> int:
        """How many turns are under way."""
        return len(self._running)

    @property
    def running_by_domain(self) -> Mapping[str, int]:
        """The same for each domain, once it is chosen."""
        return Counter(turn.domain for turn in self._running.values() if turn.domain is not None)

    @property
    def total(self) -> Statistics:
        """Everything since the server started."""
        return merged(self._settled, self._fresh)

    def metrics(self) -> Metrics:
        total = self.total
        return Metrics(
            turns_started=total.started,
            turns_answered=total.answered,
            turns_failed=total.failed,
            turns_cancelled=total.cancelled,
            turns_running=self.running,
            answer_tokens=total.answer_tokens,
            prompt_tokens=total.prompt_tokens,
            turns_by_domain={name: domain.turns for name, domain in total.domains.items() if domain.turns},
            turns_by_router=total.routers,
            seconds_to_answer=total.latency.percentiles(),
            seconds_to_first_token=total.first_token.percentiles(),
        )


def _chosen(route: Route) -> DomainStatistics:
    # Who stayed where the conversation was did so however little a router thought of it.
    decided = route.reason not in ("asked for", "stayed")
    return DomainStatistics(
        turns=1,
        decided=int(decided),
        confidence=route.confidence if decided else 0.0,
        abstained=int(route.reason in ABSTAINED),
    )


def _ended(event: TurnFailed | TurnFinished, turn: _Running) -> Statistics:
    if isinstance(event, TurnFailed):
        return Statistics(failed=1)
    if event.reason == "cancelled":
        return Statistics(cancelled=1)
    timings, usage = event.timings, event.usage
    first = timings.first_token
    timed, generating = 0, 0.0
    if usage is not None and usage.answer_tokens > 1 and first is not None and not turn.called_tools:
        # The first token is there when the time begins.
        timed, generating = usage.answer_tokens - 1, max(timings.total - first, 0.0)
    return Statistics(
        answered=1,
        answer_tokens=usage.answer_tokens if usage else 0,
        prompt_tokens=usage.prompt_tokens if usage else 0,
        timed_tokens=timed,
        generating=generating,
        latency=Histogram.of(timings.total),
        first_token=Histogram() if first is None else Histogram.of(first),
        domains={turn.domain: DomainStatistics(answered=1, seconds=timings.total)} if turn.domain else {},
    )
