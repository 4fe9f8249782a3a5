"""Turns that the store cannot take yet: what is told of them, gone on from, deleted, let go of and saved."""

import asyncio
from collections.abc import Sequence

import pytest

from mdsa_server.chat import unsaved
from mdsa_server.errors import InvalidRequest, StoreDamaged, StoreReadOnly
from mdsa_server.vocabulary.conversation import Conversation
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


async def test_an_unsaved_turn_that_stands_aside_is_not_gone_on_from(office: Office) -> None:
    first = await said(office, "saved")
    async with unwritable(office.database):
        for turn in (first, await said(office, "unsaved")):
            aside = await said(office, f"{turn.message} again", instead_of=turn.id, aside=True)
            shown = await office.live_turns.unsaved.read("local", turn.conversation)
            assert (shown.leaf, [one.id for one in shown.turns]) == (turn.id, [turn.id])
            looked_at = await office.live_turns.unsaved.read("local", turn.conversation, through=aside.id)
            assert [one.id for one in looked_at.turns] == [aside.id]
            assert (await said(office, "go on", conversation=turn.conversation)).parent == turn.id


async def test_of_a_conversation_that_is_partly_unsaved_as_many_turns_are_shown_as_asked_for(office: Office) -> None:
    turns = [await said(office, "0")]
    home = turns[0].conversation
    turns.append(await said(office, "1", conversation=home))
    read = office.live_turns.unsaved.read
    async with unwritable(office.database):
        turns += [await said(office, str(number), conversation=home) for number in range(2, 5)]
        for limit in range(1, 7):
            shown = await read("local", home, limit=limit)
            expected = turns[-limit:]
            assert [turn.id for turn in shown.turns] == [turn.id for turn in expected]
            assert (shown.earlier, shown.leaf, shown.title) == (5 - len(expected), turns[-1].id, "0")
        for place in range(5):
            # As the page's "Earlier" asks, whichever turn it shows first.
            page = await read("local", home, through=turns[-1].id, before=turns[place].id, limit=2)
            assert [turn.message for turn in page.turns] == [str(number) for number in range(5)][:place][-2:]
            assert (page.earlier, page.leaf) == (max(place - 2, 0), turns[-1].id)


async def test_the_branches_beside_an_unsaved_turn_are_shown_as_those_of_saved_ones(office: Office) -> None:
    first = await said(office, "one")
    home = first.conversation
    second = await said(office, "two", conversation=home)
    read = office.live_turns.unsaved.read
    async with unwritable(office.database):
        third = await said(office, "three", after=second.id)
        better = await said(office, "two, better", instead_of=second.id)
        best = await said(office, "two, best", instead_of=better.id)
        last = await said(office, "last", after=best.id)
        anew = await said(office, "one, better", instead_of=first.id)

        current = await read("local", home)
        assert (current.title, said_in(current)) == ("one", ["one, better"])
        assert current.beside == {anew.id: (first.id, anew.id)}
        places = (second.id, better.id, best.id)
        waiting = [await read("local", home, through=turn.id) for turn in (last, best, better, third, second)]
        assert [said_in(shown) for shown in waiting] == [
            ["one", "two, best", "last"],
            ["one", "two, best", "last"],
            ["one", "two, better"],
            ["one", "two", "three"],
            ["one", "two", "three"],
        ]
        assert [shown.beside for shown in waiting] == [
            {first.id: (first.id, anew.id), turn.id: places} for turn in (best, best, better, second, second)
        ]
        assert await office.live_turns.unsaved.beside("local", best) == places
    await said(office, "another conversation")
    kept = [await read("local", home, through=turn.id) for turn in (last, best, better, third, second)]
    assert [(said_in(shown), shown.leaf, shown.beside) for shown in kept] == [
        (said_in(shown), shown.leaf, shown.beside) for shown in waiting
    ], "nothing of it changes once it is saved"


def said_in(conversation: Conversation) -> list[str]:
    return [turn.message for turn in conversation.turns]
