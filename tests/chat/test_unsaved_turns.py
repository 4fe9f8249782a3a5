"""Turns that the store cannot take yet: what is told of them, gone on from, deleted, let go of and saved."""

import asyncio
from collections.abc import Sequence

import pytest

from mdsa_server.chat import unsaved
from mdsa_server.errors import InvalidRequest, StoreDamaged, StoreReadOnly
from mdsa_server.vocabulary.events import HistoryUnread, TurnEvent
from mdsa_server.vocabulary.turn import Turn
from tests.chat.conftest import Office, events_of
from tests.fakes.script import HANGS
from tests.faults.disks import unwritable


async def said(office: Office, message: str, **place: str | bool | None) -> Turn:
    """Run a turn to its end."""
    return await (await office.live_turns.start("local", message, **place)).finished()  # type: ignore[arg-type]  # any place


async def test_whoever_observes_turns_sees_each_event_that_is_told(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await said(office, "one")

    async def damaged(*_: object, **__: object) -> None:
        raise StoreDamaged("the database is damaged", "Put a backup in its place.")

    for name in ("begin_turn", "place"):
        monkeypatch.setattr(office.live_turns.desk.conversations, name, damaged)
    observed: list[TurnEvent] = []
    monkeypatch.setattr(office.live_turns, "_observe", lambda turn, event: observed.append(event))
    told = await events_of(office, "two", conversation=first.conversation)
    assert any(isinstance(event, HistoryUnread) for event in told)
    assert observed == told


async def test_a_message_that_names_two_places_is_refused_whether_it_could_be_saved_or_not(office: Office) -> None:
    async with unwritable(office.database):
        turn = await said(office, "one")
        with pytest.raises(InvalidRequest, match="both `instead_of` and `after`"):
            await said(office, "two", instead_of=turn.id, after=turn.id)


async def test_a_conversation_that_is_deleted_while_it_waits_to_be_saved_does_not_come_back(office: Office) -> None:
    office.model.says = ["Half", HANGS]
    async with unwritable(office.database):
        under_way = await office.live_turns.start("local", "not for long")
        await anext(under_way.follow())
    office.model.says = ["Hello there."]
    deleting = office.live_turns.delete_conversation("local", under_way.turn.conversation)
    # What is said while it is being deleted would take along all that waits.
    await asyncio.gather(deleting, said(office, "another"))
    found = await office.live_turns.desk.conversations.find("local")
    assert [conversation.title for conversation in found] == ["another"]
    assert under_way.ended


async def test_what_waits_is_saved_after_all_where_its_conversation_could_not_be_deleted(office: Office) -> None:
    async with unwritable(office.database):
        turn = await said(office, "one")
        with pytest.raises(StoreReadOnly):
            await office.live_turns.delete_conversation("local", turn.conversation)
    await said(office, "another")
    found = await office.live_turns.desk.conversations.find("local")
    assert [conversation.title for conversation in found] == ["another", "one"]


async def test_a_turn_that_begins_while_its_conversation_is_deleted_is_stopped(office: Office) -> None:
    turn = await said(office, "one")
    office.model.says = ["Half", HANGS]
    begun, _ = await asyncio.gather(
        office.live_turns.start("local", "two", conversation=turn.conversation),
        office.live_turns.delete_conversation("local", turn.conversation),
    )
    assert begun.ended
    assert len(office.live_turns) == 0


async def test_a_turn_whose_message_is_saved_and_whose_end_is_let_go_of_does_not_stay_running(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unsaved, "MOST_UNSAVED", 1)
    go_on = asyncio.Event()
    office.model.says = ["Half", go_on]
    held = await office.live_turns.start("local", "one")
    await anext(held.follow())
    async with unwritable(office.database):
        go_on.set()
        assert (await held.finished()).unsaved
        office.model.says = ["Hello there."]
        for message in ("two", "three"):
            await said(office, message)
    await said(office, "four")
    kept = await office.turn_log.read("local", held.turn.id)
    assert kept.problem
    assert (kept.outcome, kept.message, kept.problem.code) == ("failed", "one", "store-unusable")
    assert "too many turns" in kept.problem.detail


async def test_a_turn_that_cannot_be_written_keeps_no_other_from_being_saved_at_last(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with unwritable(office.database):
        odd, other = await said(office, "odd"), await said(office, "other")
    finish = office.turn_log.finish

    async def fails(turn: Turn, events: Sequence[TurnEvent]) -> None:
        if turn.id == odd.id:
            raise TypeError("cannot be written")
        await finish(turn, events)

    monkeypatch.setattr(office.turn_log, "finish", fails)
    await office.live_turns.close(0)
    assert (await office.turn_log.read("local", other.id)).outcome == "answered"
