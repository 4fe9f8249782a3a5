"""Counts are a fold over events."""

import pytest
from msgspec.structs import replace

from mdsa_server.monitor.counters import Counters
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
from mdsa_server.vocabulary.problem import Problem
from mdsa_server.vocabulary.routing import Route, RouteReason
from mdsa_server.vocabulary.turn import Timings, Turn, Usage
from tests.monitor.turns import TURN

FAILED = TurnFailed(at=0, problem=Problem(code="x", title="x", detail="x"))


def finished(total: float, reason: str = "stop") -> TurnFinished:
    usage = Usage(prompt_tokens=3, answer_tokens=5)
    return TurnFinished(at=total, usage=usage, timings=Timings(total=total, first_token=total / 2), reason=reason)


def tell(
    counters: Counters, turn: Turn, *events: TurnEvent, domain: str = "code", reason: RouteReason = "sure"
) -> None:
    route = Route(domain=domain, confidence=0.9, router="r", reason=reason)
    for event in (
        TurnStarted(at=0, turn=turn.id, conversation="c"),
        RouteChosen(at=0, route=route),
        Token(at=0, text="x"),
        *events,
    ):
        counters.observe(turn, event)


def test_every_turn_is_counted_once_by_how_it_ended() -> None:
    counters = Counters()
    ends: list[TurnEvent] = [finished(1.0), finished(2.0), finished(0.1, "cancelled"), FAILED]
    for number, end in enumerate(ends):
        tell(counters, replace(TURN, id=f"t{number}"), end)
    counters.observe(TURN, TurnStarted(at=0, turn="t", conversation="c"))
    metrics = counters.metrics()
    assert metrics.turns_started == 5
    assert (metrics.turns_answered, metrics.turns_cancelled, metrics.turns_failed) == (2, 1, 1)
    assert metrics.turns_running == 1
    assert metrics.turns_by_domain == {"code": 4}
    assert (metrics.prompt_tokens, metrics.answer_tokens) == (6, 10)


def test_a_turn_that_ends_before_it_was_told_to_start_is_one_that_started() -> None:
    counters = Counters()
    counters.observe(TURN, finished(0.1, "cancelled"))
    assert (counters.total.started, counters.total.cancelled, counters.running) == (1, 1, 0)


def test_percentiles_are_of_answered_turns_and_absent_without_any() -> None:
    counters = Counters()
    assert counters.metrics().seconds_to_answer is None
    for hundredth in range(1, 101):
        tell(counters, TURN, finished(hundredth / 100))
    percentiles = counters.metrics().seconds_to_answer
    assert percentiles is not None
    assert (percentiles.p50, percentiles.p95, percentiles.p99) == pytest.approx((0.5, 0.95, 0.99), rel=0.101)


def test_a_domain_is_told_with_its_confidence_and_what_it_got_because_nothing_fitted() -> None:
    counters = Counters()
    tell(counters, TURN, finished(2.0))
    tell(counters, TURN, FAILED, domain="general", reason="unsure")
    tell(counters, TURN, FAILED, domain="general", reason="asked for")
    assert counters.total.domains == {
        "code": DomainStatistics(turns=1, decided=1, confidence=0.9, answered=1, seconds=2.0),
        "general": DomainStatistics(turns=2, decided=1, confidence=0.9, abstained=1),
    }


def test_generating_is_timed_from_the_first_token_on_and_not_where_tools_ran_meanwhile() -> None:
    counters = Counters()
    tell(counters, TURN, finished(2.0))
    assert (counters.total.timed_tokens, counters.total.generating) == (4, 1.0)
    assert counters.total.tokens_per_second == 4.0
    tell(counters, TURN, ToolCalled(at=0, call="1", tool="now", arguments={}), finished(8.0))
    assert (counters.total.timed_tokens, counters.total.answer_tokens) == (4, 10)


def test_what_is_settled_is_given_once_and_stays_in_the_total() -> None:
    counters = Counters()
    given = NOTHING
    for _ in range(3):
        tell(counters, TURN, finished(1.0))
        given = merged(given, counters.settle())
    assert counters.settle() == NOTHING
    assert given == counters.total
    assert given.answered == 3


def test_running_turns_are_told_by_domain() -> None:
    counters = Counters()
    tell(counters, TURN)
    counters.observe(replace(TURN, id="other"), TurnStarted(at=0, turn="other", conversation="c"))
    assert (counters.running, counters.running_by_domain) == (2, {"code": 1})


def test_each_count_makes_a_new_version_and_a_token_none() -> None:
    counters = Counters()
    counters.observe(TURN, Token(at=0, text="x"))
    assert counters.version == 0
    counters.count(Statistics(loads=1))
    assert counters.version == 1
