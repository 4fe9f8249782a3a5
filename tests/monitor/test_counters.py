"""Counts are a fold over events."""

from datetime import UTC, datetime

from mdsa_server.monitor.counters import Counters
from mdsa_server.vocabulary.events import RouteChosen, Token, TurnEvent, TurnFailed, TurnFinished, TurnStarted
from mdsa_server.vocabulary.problem import Problem
from mdsa_server.vocabulary.routing import Route
from mdsa_server.vocabulary.turn import Timings, Turn, Usage

TURN = Turn(id="t", conversation="c", parent=None, message="hi", started=datetime(2026, 1, 1, tzinfo=UTC))


def finished(total: float, reason: str = "stop") -> TurnFinished:
    usage = Usage(prompt_tokens=3, answer_tokens=5)
    return TurnFinished(at=total, usage=usage, timings=Timings(total=total, first_token=total / 2), reason=reason)


def test_every_turn_is_counted_once_by_how_it_ended() -> None:
    counters = Counters()
    ends: list[TurnEvent] = [
        finished(1.0),
        finished(2.0),
        finished(0.1, "cancelled"),
        TurnFailed(at=0, problem=Problem(code="x", title="x", detail="x")),
    ]
    for end in ends:
        counters.observe(TURN, TurnStarted(at=0, turn="t", conversation="c"))
        counters.observe(TURN, RouteChosen(at=0, route=Route(domain="code", confidence=0.9, router="r")))
        counters.observe(TURN, Token(at=0, text="x"))
        counters.observe(TURN, end)
    counters.observe(TURN, TurnStarted(at=0, turn="t", conversation="c"))
    metrics = counters.metrics()
    assert (metrics.turns_started, metrics.turns_answered, metrics.turns_cancelled, metrics.turns_failed) == (
        5,
        2,
        1,
        1,
    )
    assert metrics.turns_running == 1
    assert metrics.turns_by_domain == {"code": 4}
    assert (metrics.prompt_tokens, metrics.answer_tokens) == (6, 10)


def test_percentiles_are_of_answered_turns_and_absent_without_any() -> None:
    counters = Counters()
    assert counters.metrics().seconds_to_answer is None
    for hundredth in range(1, 101):
        counters.observe(TURN, finished(hundredth / 100))
    percentiles = counters.metrics().seconds_to_answer
    assert percentiles is not None
    assert (percentiles.p50, percentiles.p95, percentiles.p99) == (0.51, 0.96, 1.0)
