"""A stream can be left and taken up again anywhere, live or stored."""

from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.vocabulary.events import (
    ModelLoading,
    PromptAssembled,
    RouteChosen,
    Thinking,
    Token,
    TurnEvent,
    TurnFailed,
    TurnFinished,
)
from mdsa_server.vocabulary.problem import Problem
from mdsa_server.vocabulary.replay import events_after, extent, joined, told
from mdsa_server.vocabulary.routing import Route
from mdsa_server.vocabulary.turn import Ledger, Timings, Turn, Usage

text = st.text(min_size=1, max_size=8)
pieces: st.SearchStrategy[list[TurnEvent]] = st.lists(
    st.one_of(
        text.map(lambda piece: Token(at=0.0, text=piece)),
        text.map(lambda piece: Thinking(at=0.0, text=piece)),
        st.just(ModelLoading(at=0.0, model="m")),
    ),
    max_size=12,
)

TURN = Turn(id="t", conversation="c", parent=None, message="hello", started=datetime(2026, 1, 1, tzinfo=UTC))


def said(events: list[TurnEvent]) -> list[tuple[str, str]]:
    """The stream letter by letter: what a reader has in the end, however it was cut into pieces."""
    return [
        (type(event).__name__, letter)
        for event in events
        for letter in (event.text if isinstance(event, Token | Thinking) else "*")
    ]


@given(pieces, st.data())
def test_reading_on_from_any_position_gives_exactly_the_rest(events: list[TurnEvent], data: st.DataObject) -> None:
    position = data.draw(st.integers(0, sum(map(extent, events))))
    rest = [event for _, event in events_after(events, position)]
    assert said(events)[position:] == said(rest)


@given(pieces, st.data())
def test_a_position_means_the_same_after_pieces_were_joined(events: list[TurnEvent], data: st.DataObject) -> None:
    position = data.draw(st.integers(0, sum(map(extent, events))))
    live = [event for _, event in events_after(events, position)]
    stored = [event for _, event in events_after(joined(events), position)]
    assert said(live) == said(stored)


@given(pieces)
def test_joined_events_hold_no_two_pieces_of_the_same_kind_side_by_side(events: list[TurnEvent]) -> None:
    whole = joined(events)
    texts = (Token, Thinking)
    assert not any(type(one) is type(other) and isinstance(one, texts) for one, other in pairwise(whole))


def test_a_turn_is_the_fold_of_its_events() -> None:
    route = Route(domain="code", confidence=0.9, router="keyword_router")
    ledger = Ledger(context=100, instructions=1, history=0, passages=0, question=2, reserve=25)
    usage, timings = Usage(prompt_tokens=5, answer_tokens=2), Timings(total=1.5, first_token=0.2)
    turn = told(
        TURN,
        [
            RouteChosen(at=0.1, route=route),
            PromptAssembled(at=0.1, model="smol", ledger=ledger),
            Token(at=0.2, text="Hel"),
            Token(at=0.3, text="lo"),
            TurnFinished(at=1.5, usage=usage, timings=timings, reason="stop"),
        ],
    )
    assert (turn.answer, turn.domain, turn.model, turn.outcome) == ("Hello", "code", "smol", "answered")
    assert (turn.route, turn.usage, turn.timings) == (route, usage, timings)


def test_a_cancelled_turn_keeps_what_was_said() -> None:
    end = TurnFinished(at=1.0, usage=Usage(), timings=Timings(total=1.0), reason="cancelled")
    turn = told(TURN, [Token(at=0.1, text="Half an"), end])
    assert (turn.outcome, turn.answer) == ("cancelled", "Half an")


def test_a_failed_turn_keeps_its_problem() -> None:
    problem = Problem(code="engine-died", title="t", detail="d")
    assert told(TURN, [TurnFailed(at=1.0, problem=problem)]).problem == problem
