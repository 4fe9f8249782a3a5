"""However a turn ends, what there was of it is saved before its end is told."""

import asyncio
from collections.abc import Sequence

import pytest

from mdsa_server.chat import live_turns, saving
from mdsa_server.errors import ServerClosing, StoreFull, UnknownTurn
from mdsa_server.vocabulary.events import Token, TurnEvent, TurnFailed, TurnFinished
from mdsa_server.vocabulary.turn import Turn
from tests.chat.conftest import Office, events_of
from tests.fakes.script import DIES, HANGS, STOPS_SHORT, Breaks, Sends, Step


async def test_the_answer_is_saved_before_its_end_is_told(office: Office) -> None:
    live = await office.live_turns.start("local", "hello")
    async for batch in live.follow():
        if any(isinstance(event, TurnFinished) for _, event in batch):
            saved = await office.turn_log.read("local", live.turn.id)
            assert (saved.outcome, saved.answer) == ("answered", "Hello there.")
            return
    raise AssertionError("the stream did not finish")


async def test_cancelling_stops_the_engine_and_keeps_what_was_said(office: Office) -> None:
    office.model.says = ["Half an", HANGS]
    live = await office.live_turns.start("local", "hello")
    async for batch in live.follow():
        if any(isinstance(event, Token) for _, event in batch):
            break
    await office.live_turns.cancel("local", live.turn.id)
    await office.engine.until(lambda: office.engine.cut == 1)
    saved = await office.turn_log.read("local", live.turn.id)
    assert (saved.outcome, saved.answer) == ("cancelled", "Half an")
    assert isinstance(live.events[-1], TurnFinished)
    assert live.events[-1].reason == "cancelled"
    assert live.events[-1].timings.first_token is not None
    assert len(office.live_turns) == 0


async def test_a_turn_cancelled_at_once_still_ends(office: Office) -> None:
    live = await office.live_turns.start("local", "hello")
    await office.live_turns.cancel("local", live.turn.id)
    assert (await office.turn_log.read("local", live.turn.id)).outcome == "cancelled"
    assert [batch async for batch in live.follow()]


async def test_a_cancellation_that_comes_while_the_end_is_saved_changes_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    saving, may_save = asyncio.Event(), asyncio.Event()
    finish = office.turn_log.finish

    async def slowly(turn: Turn, events: Sequence[TurnEvent]) -> None:
        saving.set()
        await may_save.wait()
        await finish(turn, events)

    monkeypatch.setattr(office.turn_log, "finish", slowly)
    live = await office.live_turns.start("local", "hello")
    await saving.wait()
    cancelling = asyncio.create_task(office.live_turns.cancel("local", live.turn.id))
    await asyncio.sleep(0.01)
    assert not live.ended
    may_save.set()
    await cancelling
    assert (await office.turn_log.read("local", live.turn.id)).outcome == "answered"
    assert live.so_far().outcome == "answered"


@pytest.mark.parametrize(
    ("trouble", "outcome", "told", "kept"),
    [
        (StoreFull("the disk is full", "Free some space."), "answered", "store-full", "Hello there."),
        (TypeError("cannot be written"), "failed", "unexpected", ""),
    ],
)
async def test_an_answer_that_cannot_be_saved_is_told_with_that_and_saved_once_it_can(
    office: Office, monkeypatch: pytest.MonkeyPatch, trouble: Exception, outcome: str, told: str, kept: str
) -> None:
    finish = office.turn_log.finish

    async def fails(turn: Turn, events: Sequence[TurnEvent]) -> None:
        raise trouble

    monkeypatch.setattr(saving, "SAVE_AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(office.turn_log, "finish", fails)
    turn = await (await office.live_turns.start("local", "hello")).finished()
    problem = turn.unsaved or turn.problem
    assert problem is not None
    assert (turn.outcome, problem.code, turn.answer) == (outcome, told, "Hello there.")
    assert (await office.live_turns.find("local", turn.id)).so_far() == turn
    monkeypatch.setattr(office.turn_log, "finish", finish)
    async with asyncio.timeout(10):
        while len(office.live_turns):  # noqa: ASYNC110  # it leaves the live ones when it is saved, and tells nobody
            await asyncio.sleep(0.01)
    saved = await office.turn_log.read("local", turn.id)
    assert (saved.outcome, saved.answer, saved.unsaved) == (outcome, kept, None)


@pytest.mark.parametrize(
    ("says", "code"),
    [
        (["Half", DIES], "engine-died"),
        (["Half", STOPS_SHORT], "engine-died"),
        (["Half", Sends(b"not json\n")], "engine-died"),
        (["Half", Breaks("runner crashed")], "engine-died"),
        (["Half", HANGS], "engine-died"),
    ],
)
async def test_an_engine_that_fails_in_mid_answer_is_told_and_the_half_is_kept(
    office: Office, says: list[Step], code: str
) -> None:
    office.model.says = says
    live = await office.live_turns.start("local", "hello")
    turn = await live.finished()
    assert isinstance(live.events[-1], TurnFailed)
    assert turn.problem is not None
    assert (turn.outcome, turn.problem.code, turn.answer) == ("failed", code, "Half")
    assert await office.turn_log.read("local", live.turn.id) == turn


async def test_an_engine_that_is_gone_is_told_with_what_to_do(office: Office) -> None:
    await office.engine.stop()
    events = await events_of(office, "hello")
    assert isinstance(events[-1], TurnFailed)
    assert events[-1].problem.code == "engine-unreachable"
    assert "ollama serve" in events[-1].problem.mend


async def test_a_busy_engine_is_told_as_busy(office: Office) -> None:
    office.engine.busy = True
    events = await events_of(office, "hello")
    assert isinstance(events[-1], TurnFailed)
    assert events[-1].problem.code == "engine-busy"


async def test_deleting_a_conversation_stops_its_turns(office: Office) -> None:
    office.model.says = ["Half", HANGS]
    live = await office.live_turns.start("local", "hello")
    await office.live_turns.delete_conversation("local", live.turn.conversation)
    assert live.ended
    assert len(office.live_turns) == 0
    with pytest.raises(UnknownTurn):
        await office.live_turns.find("local", live.turn.id)


async def test_closing_refuses_new_turns_and_marks_those_it_cut_off(office: Office) -> None:
    office.model.says = ["Half", HANGS]
    live = await office.live_turns.start("local", "hello")
    async for batch in live.follow():
        if any(isinstance(event, Token) for _, event in batch):
            break
    await office.live_turns.close(0)
    saved = await office.turn_log.read("local", live.turn.id)
    assert saved.problem is not None
    assert (saved.problem.code, saved.answer) == ("server-stopped", "Half")
    with pytest.raises(ServerClosing):
        await office.live_turns.start("local", "too late")


async def test_a_turn_that_is_stopped_while_the_server_closes_was_stopped_and_not_cut_off(office: Office) -> None:
    office.model.says = ["Half", HANGS]
    live = await office.live_turns.start("local", "hello")
    closing = asyncio.create_task(office.live_turns.close(5))
    await asyncio.sleep(0.01)
    await office.live_turns.cancel("local", live.turn.id)
    await closing
    assert (await office.turn_log.read("local", live.turn.id)).outcome == "cancelled"


async def test_a_turn_that_begins_while_the_server_closes_is_ended_too(office: Office) -> None:
    office.model.says = ["Half", HANGS]
    live, _ = await asyncio.gather(office.live_turns.start("local", "hello"), office.live_turns.close(0))
    assert live.ended
    assert len(office.live_turns) == 0


async def test_closing_lets_a_turn_finish_in_time(office: Office) -> None:
    gate = asyncio.Event()
    office.model.says = ["Half", gate, " and whole"]
    live = await office.live_turns.start("local", "hello")
    closing = asyncio.create_task(office.live_turns.close(5))
    await asyncio.sleep(0)
    gate.set()
    await closing
    assert (await office.turn_log.read("local", live.turn.id)).answer == "Half and whole"


async def test_closing_lets_a_turn_finish_that_was_only_being_saved(office: Office) -> None:
    live, _ = await asyncio.gather(office.live_turns.start("local", "hello"), office.live_turns.close(5))
    assert (await office.turn_log.read("local", live.turn.id)).outcome == "answered"


async def test_closing_waits_no_longer_than_a_while_for_a_turn_that_cannot_be_saved(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_turns, "END_SECONDS", 0.05)
    released, finish = asyncio.Event(), office.turn_log.finish

    async def hanging(turn: Turn, events: Sequence[TurnEvent]) -> None:
        await released.wait()
        await finish(turn, events)

    monkeypatch.setattr(office.turn_log, "finish", hanging)
    live = await office.live_turns.start("local", "hello")
    await asyncio.wait_for(office.live_turns.close(0), 2)
    assert not live.ended
    released.set()
    await live.finished()
