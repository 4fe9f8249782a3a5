"""What happened in a span of time, as numbers of which those of two spans make those of both."""

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import TypeVar

from msgspec import Struct

from mdsa_server.monitor.histogram import Histogram

Key = TypeVar("Key")


class Samples(Struct, frozen=True, omit_defaults=True):
    """A quantity that was looked at now and then."""

    count: int = 0
    total: float = 0.0
    most: float = 0.0

    @classmethod
    def of(cls, value: float) -> "Samples":
        return cls(1, value, value)

    @property
    def mean(self) -> float | None:
        """None where nobody looked."""
        return self.total / self.count if self.count else None

    def merged(self, other: "Samples") -> "Samples":
        if not other.count:
            return self
        return Samples(self.count + other.count, self.total + other.total, max(self.most, other.most))


class DomainStatistics(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one domain was chosen for."""

    turns: int = 0
    decided: int = 0
    """Turns of them that routers decided; the others were asked for, or stayed where the conversation was."""
    confidence: float = 0.0
    """Of those, all together."""
    abstained: int = 0
    """Turns of them that it got because no domain seemed to fit, or routers were unsure of all."""
    answered: int = 0
    seconds: float = 0.0
    """What the answered ones took, together."""

    def merged(self, other: "DomainStatistics") -> "DomainStatistics":
        return DomainStatistics(
            turns=self.turns + other.turns,
            decided=self.decided + other.decided,
            confidence=self.confidence + other.confidence,
            abstained=self.abstained + other.abstained,
            answered=self.answered + other.answered,
            seconds=self.seconds + other.seconds,
        )


class Statistics(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The counts of a span of time. Dictionaries in it are not to be changed."""

    started: int = 0
    answered: int = 0
    failed: int = 0
    cancelled: int = 0
    answer_tokens: int = 0
    prompt_tokens: int = 0
    timed_tokens: int = 0
    """Answer tokens of the turns whose generating was timed."""
    generating: float = 0.0
    """Seconds from the first token to the end, of turns without calls of tools: there other things happen meanwhile."""
    latency: Histogram = Histogram()
    """Of answered turns, from message to end."""
    first_token: Histogram = Histogram()
    loads: int = 0
    load_seconds: float = 0.0
    """Lost to loading models, whoever waited for it."""
    domains: dict[str, DomainStatistics] = {}
    routers: dict[str, int] = {}
    """Turns by the router that decided."""
    processor: Samples = Samples()
    """The share of the whole machine's that was busy, 0 to 1."""
    own_processor: Samples = Samples()
    """Of that, the server's and its children's."""
    memory: Samples = Samples()
    """Of the whole machine, in bytes."""
    own_memory: Samples = Samples()

    @property
    def ended(self) -> int:
        return self.answered + self.failed + self.cancelled

    @property
    def success_rate(self) -> float | None:
        """The share of turns that ended by themselves and were answered; None where none did."""
        judged = self.answered + self.failed
        return self.answered / judged if judged else None

    @property
    def tokens_per_second(self) -> float | None:
        """How fast answers came, as one reads them; None where none was timed."""
        return self.timed_tokens / self.generating if self.generating > 0 else None


NOTHING = Statistics()


def merged(one: Statistics, other: Statistics) -> Statistics:
    """Make the statistics of two spans of time those of both. Totals, windows and coarser spans are folds of this."""
    return Statistics(
        started=one.started + other.started,
        answered=one.answered + other.answered,
        failed=one.failed + other.failed,
        cancelled=one.cancelled + other.cancelled,
        answer_tokens=one.answer_tokens + other.answer_tokens,
        prompt_tokens=one.prompt_tokens + other.prompt_tokens,
        timed_tokens=one.timed_tokens + other.timed_tokens,
        generating=one.generating + other.generating,
        latency=one.latency.merged(other.latency),
        first_token=one.first_token.merged(other.first_token),
        loads=one.loads + other.loads,
        load_seconds=one.load_seconds + other.load_seconds,
        domains=_by_domain(one.domains, other.domains),
        routers=_sums(one.routers, other.routers),
        processor=one.processor.merged(other.processor),
        own_processor=one.own_processor.merged(other.own_processor),
        memory=one.memory.merged(other.memory),
        own_memory=one.own_memory.merged(other.own_memory),
    )


def total(spans: Iterable[Statistics]) -> Statistics:
    return reduce(merged, spans, NOTHING)


def _by_domain(one: dict[str, DomainStatistics], other: dict[str, DomainStatistics]) -> dict[str, DomainStatistics]:
    if not other:
        return one
    return one | {name: one[name].merged(more) if name in one else more for name, more in other.items()}


def _sums(one: dict[Key, int], other: Mapping[Key, int]) -> dict[Key, int]:
    if not other:
        return one
    return one | {key: one.get(key, 0) + count for key, count in other.items()}
