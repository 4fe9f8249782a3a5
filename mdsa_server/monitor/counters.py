"""Counts of what happened since the server started: a fold over the events of all turns."""

from collections import Counter, deque

from msgspec import Struct

from mdsa_server.vocabulary.events import RouteChosen, Token, TurnEvent, TurnFailed, TurnFinished, TurnStarted
from mdsa_server.vocabulary.turn import Turn

# The latest turns that percentiles are taken over.
WINDOW = 1_000


class Percentiles(Struct, frozen=True):
    """In seconds, over the latest turns."""

    p50: float
    p95: float
    p99: float


class Metrics(Struct, frozen=True, kw_only=True):
    """The counts at one moment."""

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
    """None until a turn was answered."""
    seconds_to_first_token: Percentiles | None


class Counters:
    """Sees every event of every turn."""

    def __init__(self) -> None:
        self._outcomes: Counter[str] = Counter()
        self._domains: Counter[str] = Counter()
        self._routers: Counter[str] = Counter()
        self._answer_tokens = 0
        self._prompt_tokens = 0
        self._totals: deque[float] = deque(maxlen=WINDOW)
        self._first_tokens: deque[float] = deque(maxlen=WINDOW)

    def observe(self, turn: Turn, event: TurnEvent) -> None:
        """Count one event of `turn`."""
        match event:
            case Token():
                pass
            case TurnStarted():
                self._outcomes["started"] += 1
            case RouteChosen(route=route):
                self._domains[route.domain] += 1
                self._routers[route.router] += 1
            case TurnFailed():
                self._outcomes["failed"] += 1
            case TurnFinished(reason="cancelled"):
                self._outcomes["cancelled"] += 1
            case TurnFinished(usage=usage, timings=timings):
                self._outcomes["answered"] += 1
                if usage is not None:
                    self._answer_tokens += usage.answer_tokens
                    self._prompt_tokens += usage.prompt_tokens
                self._totals.append(timings.total)
                if timings.first_token is not None:
                    self._first_tokens.append(timings.first_token)

    def metrics(self) -> Metrics:
        count = self._outcomes
        return Metrics(
            turns_started=count["started"],
            turns_answered=count["answered"],
            turns_failed=count["failed"],
            turns_cancelled=count["cancelled"],
            turns_running=count["started"] - count["answered"] - count["failed"] - count["cancelled"],
            answer_tokens=self._answer_tokens,
            prompt_tokens=self._prompt_tokens,
            turns_by_domain=dict(self._domains),
            turns_by_router=dict(self._routers),
            seconds_to_answer=_percentiles(self._totals),
            seconds_to_first_token=_percentiles(self._first_tokens),
        )


def _percentiles(values: deque[float]) -> Percentiles | None:
    """Nearest-rank percentiles."""
    if not values:
        return None
    ranked = sorted(values)
    return Percentiles(*(ranked[min(len(ranked) - 1, int(share * len(ranked)))] for share in (0.5, 0.95, 0.99)))
