"""From a turn's events it is told what its model cost it."""

from datetime import UTC, datetime

from mdsa_server.evaluation.recorded import loads_seen, recorded_turn, recorded_turns
from mdsa_server.vocabulary.events import ModelLoading, ModelWaiting, PromptAssembled, TurnEvent, TurnFinished
from mdsa_server.vocabulary.turn import Ledger, Timings

BEGAN = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
START = BEGAN.timestamp()
LEDGER = Ledger(context=4096, instructions=0, history=0, passages=0, question=3, reserve=512)


def ended(at: float) -> TurnFinished:
    return TurnFinished(at=at, usage=None, timings=Timings(total=at), reason="stop")


def turn_of(admitted: float, *before: TurnEvent, model: str = "m") -> list[TurnEvent]:
    return [*before, PromptAssembled(at=admitted, model=model, ledger=LEDGER), ended(admitted + 2)]


def test_a_turn_that_waited_and_saw_a_load_tells_how_long() -> None:
    turn = recorded_turn(BEGAN, turn_of(5.0, ModelWaiting(at=1.0, model="m", place=1), ModelLoading(at=3.0, model="m")))
    assert turn is not None
    assert (turn.model, turn.context) == ("m", 4096)
    assert (turn.arrived - START, turn.admitted - START, turn.ended - START) == (1.0, 5.0, 7.0)
    assert turn.load_seconds == 2.0


def test_a_turn_that_found_its_model_waited_for_nothing() -> None:
    turn = recorded_turn(BEGAN, turn_of(0.5))
    assert turn is not None
    assert turn.arrived == turn.admitted


def test_turns_without_a_model_or_an_end_are_left_out() -> None:
    whole = turn_of(0.5)
    assert recorded_turns([(BEGAN, [ended(1.0)]), (BEGAN, whole[:-1]), (BEGAN, whole)]) == [recorded_turn(BEGAN, whole)]


def test_a_load_that_several_turns_waited_for_is_one() -> None:
    seen_first = turn_of(4.0, ModelLoading(at=1.0, model="m"))
    seen_later = turn_of(4.0, ModelLoading(at=2.5, model="m"))
    again = turn_of(9.0, ModelLoading(at=8.0, model="m"))
    turns = recorded_turns((BEGAN, events) for events in (seen_first, seen_later, again))
    assert [(model, end - began) for model, _, began, end in loads_seen(turns)] == [("m", 3.0), ("m", 1.0)]
