"""Turns that the store cannot take yet: what is told of them, gone on from, deleted, let go of and saved."""

import pytest

from mdsa_server.errors import InvalidRequest, StoreDamaged
from mdsa_server.vocabulary.events import HistoryUnread, TurnEvent
from mdsa_server.vocabulary.turn import Turn
from tests.chat.conftest import Office, events_of
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
