"""A turn's events become spans that lie within the turn, one after the other, whatever the events are."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.monitor.trace import Span, Trace, time_by_kind, trace_of
from mdsa_server.vocabulary.events import (
    ApprovalAnswered,
    ApprovalAsked,
    CallsConsidered,
    DomainAsked,
    ModelLoading,
    ModelWaiting,
    PassagesFound,
    PromptAssembled,
    RouteChosen,
    Thinking,
    Token,
    ToolCalled,
    ToolReturned,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnStarted,
)
from mdsa_server.vocabulary.problem import UNEXPECTED
from mdsa_server.vocabulary.routing import Route
from mdsa_server.vocabulary.turn import Ledger, Timings

STARTED = TurnStarted(at=0.0, turn="t", conversation="c")
LEDGER = Ledger(context=9, instructions=0, history=0, passages=0, question=0, reserve=0)


def routed(at: float, seconds: float, embedding: float = 0.0) -> RouteChosen:
    route = Route(domain="d", confidence=1.0, router="r", seconds=seconds, embedding_seconds=embedding)
    return RouteChosen(at=at, route=route)


def finished(at: float) -> TurnFinished:
    return TurnFinished(at=at, usage=None, timings=Timings(total=at), reason="stop")


def returned(at: float, call: str) -> ToolReturned:
    return ToolReturned(at=at, call=call, tool="now", outcome="returned", result="", cut=False, seconds=0.1)


def told(spans: tuple[Span, ...]) -> list[tuple[str, float, float]]:
    return [(span.kind, span.start, span.end) for span in spans]


def test_a_turn_is_told_from_its_beginning_to_its_end_without_a_gap() -> None:
    trace = trace_of(
        [
            STARTED,
            routed(1.0, seconds=0.75, embedding=0.5),
            PassagesFound(at=1.5, passages=()),
            ModelWaiting(at=2.0, model="m", place=2),
            ModelWaiting(at=2.5, model="m", place=1),
            ModelLoading(at=3.0, model="m"),
            PromptAssembled(at=5.0, model="m", ledger=LEDGER),
            Thinking(at=6.0, text="Hm."),
            Token(at=7.0, text="Yes."),
            finished(9.0),
        ]
    )
    assert told(trace.spans) == [
        ("begin", 0.0, 0.25),
        ("route", 0.25, 1.0),
        ("retrieve", 1.0, 1.5),
        ("prepare", 1.5, 2.0),
        ("wait", 2.0, 3.0),
        ("load", 3.0, 5.0),
        ("prompt", 5.0, 6.0),
        ("think", 6.0, 7.0),
        ("generate", 7.0, 9.0),
    ]
    assert told(trace.spans[1].parts) == [("embed", 0.25, 0.75)]
    assert {span.name for span in trace.spans[4:]} == {"m"}
    assert (trace.seconds, trace.ended, trace.whole) == (9.0, True, True)


def test_calls_side_by_side_and_what_they_wait_for_are_parts_of_a_round() -> None:
    trace = trace_of(
        [
            STARTED,
            PromptAssembled(at=1.0, model="m", ledger=LEDGER),
            ToolCalled(at=2.0, call="1", tool="now", arguments={}),
            ToolCalled(at=2.0, call="2", tool="send", arguments={}),
            ApprovalAsked(at=2.5, call="2", tool="send", arguments={}, seconds=9.0),
            returned(3.0, "1"),
            ApprovalAnswered(at=5.0, call="2", approved=True, by="ann"),
            returned(6.0, "2"),
            PromptAssembled(at=6.5, model="m", ledger=LEDGER),
            Token(at=7.0, text="Sent."),
            finished(8.0),
        ]
    )
    (tools,) = (span for span in trace.spans if span.kind == "tools")
    assert (tools.start, tools.end) == (2.0, 6.0)
    assert told(tools.parts) == [("call", 2.0, 3.0), ("call", 2.0, 6.0)]
    assert told(tools.parts[1].parts) == [("approval", 2.5, 5.0)]
    assert time_by_kind(trace) == {
        "begin": 1.0, "prompt": 1.5, "tools": 4.0, "call": 5.0, "approval": 2.5, "prepare": 0.5, "generate": 1.0,
    }  # fmt: skip


def test_choosing_a_tool_is_a_span_of_its_own_and_not_part_of_preparing() -> None:
    trace = trace_of(
        [
            STARTED,
            CallsConsidered(at=1.0, model="m", tools=2),
            PromptAssembled(at=4.0, model="m", ledger=LEDGER),
            ToolCalled(at=4.0, call="1", tool="now", arguments={}),
            returned(5.0, "1"),
            CallsConsidered(at=5.0, model="m", tools=2),
            PromptAssembled(at=6.0, model="m", ledger=LEDGER),
            Token(at=7.0, text="Noon."),
            finished(8.0),
        ]
    )
    told = [(span.kind, span.start, span.end) for span in trace.spans]
    assert told[1:] == [
        ("decide", 1.0, 4.0),
        ("tools", 4.0, 5.0),
        ("decide", 5.0, 6.0),
        ("prompt", 6.0, 7.0),
        ("generate", 7.0, 8.0),
    ]


def test_waiting_for_the_user_to_choose_a_domain_is_no_part_of_routing() -> None:
    tied = routed(1.0, seconds=1.0)
    trace = trace_of([STARTED, DomainAsked(at=1.0, route=tied.route), routed(4.0, seconds=1.0), finished(5.0)])
    assert told(trace.spans) == [("route", 0.0, 1.0), ("asked", 1.0, 4.0), ("prepare", 4.0, 5.0)]


def test_a_running_turn_is_told_as_far_as_it_has_come() -> None:
    trace = trace_of([STARTED, routed(1.0, seconds=1.0), ModelLoading(at=2.0, model="m")], now=5.0)
    assert told(trace.spans)[-1] == ("load", 2.0, 5.0)
    assert not trace.ended
    assert trace_of([], now=0.5) == Trace(seconds=0.5, ended=False, whole=True)


@pytest.mark.parametrize("last", [finished(4.0), TurnFailed(at=4.0, problem=UNEXPECTED)])
def test_a_turn_of_which_only_the_end_was_kept_says_so(last: TurnEvent) -> None:
    assert trace_of([last]) == Trace(seconds=4.0, ended=True, whole=False)


TIMES = st.floats(-1.0, 20.0, allow_nan=False)
CALLS = st.sampled_from("12")


def event(kind: type[TurnEvent], **fields: Any) -> st.SearchStrategy[TurnEvent]:
    return st.builds(kind, at=TIMES, **fields)


EVENTS: st.SearchStrategy[TurnEvent] = st.one_of(
    st.builds(routed, TIMES, TIMES, TIMES),
    st.builds(lambda chosen: DomainAsked(at=chosen.at, route=chosen.route), st.builds(routed, TIMES, TIMES, TIMES)),
    event(PassagesFound, passages=st.just(())),
    event(ModelWaiting, model=CALLS, place=st.just(1)),
    event(ModelLoading, model=CALLS),
    event(CallsConsidered, model=CALLS, tools=st.just(2)),
    event(PromptAssembled, model=CALLS, ledger=st.just(LEDGER)),
    event(Thinking, text=st.just("a")),
    event(Token, text=st.just("a")),
    event(ToolCalled, call=CALLS, tool=st.just("now"), arguments=st.just({})),
    event(ApprovalAsked, call=CALLS, tool=st.just("now"), arguments=st.just({}), seconds=TIMES),
    event(ApprovalAnswered, call=CALLS, approved=st.booleans(), by=st.just("")),
    st.builds(returned, TIMES, CALLS),
)


@given(st.lists(EVENTS, max_size=30), st.booleans(), TIMES)
def test_whatever_is_told_spans_lie_within_the_turn_in_order_and_parts_within_their_whole(
    events: list[TurnEvent], ends: bool, now: float
) -> None:
    trace = trace_of([STARTED, *events, *([finished(now)] if ends else [])], now)

    def check(spans: tuple[Span, ...], start: float, end: float) -> None:
        assert [span.start for span in spans] == sorted(span.start for span in spans)
        for span in spans:
            assert start <= span.start <= span.end <= end
            check(span.parts, span.start, span.end)

    check(trace.spans, 0.0, trace.seconds)
    assert trace.seconds >= max([0.0, now, *(each.at for each in events)]) - 1e-9
    assert all(one.end == other.start for one, other in zip(trace.spans, trace.spans[1:], strict=False))
    assert sum(span.seconds for span in trace.spans) == pytest.approx(trace.seconds)
