"""Corrections are kept, replaced, settled, and go with their turn unless they were accepted."""

import time

import pytest
from msgspec.structs import replace

from mdsa_server.errors import UnknownCorrection, UnknownTurn
from mdsa_server.store.conversations import Conversations
from mdsa_server.store.corrections import Corrections
from mdsa_server.store.database import Database
from mdsa_server.vocabulary.corrections import CorrectionState


@pytest.fixture
def corrections(database: Database) -> Corrections:
    return Corrections(database)


async def test_of_a_turn_one_correction_is_pending_the_last(
    corrections: Corrections, conversations: Conversations
) -> None:
    turn = await conversations.begin_turn("local", None, "soup?")
    first, new = await corrections.say(turn, "code")
    assert new
    second, new = await corrections.say(turn, None)
    assert not new
    assert (second.id, second.domain, second.message) == (first.id, None, "soup?")
    assert await corrections.find() == [second]
    assert await corrections.count("pending") == 1


async def test_what_was_settled_stays_when_more_is_said(corrections: Corrections, conversations: Conversations) -> None:
    turn = await conversations.begin_turn("local", None, "soup?")
    first, _ = await corrections.say(turn, "code")
    await corrections.settle(first.id, "accepted")
    second, new = await corrections.say(turn, "cooking")
    assert new
    assert [one.id for one in await corrections.find("accepted")] == [first.id]
    assert await corrections.of_turn(turn.id) == second


async def test_those_that_stand_are_counted_by_the_domain_that_had_answered(
    corrections: Corrections, conversations: Conversations
) -> None:
    said_of: list[tuple[str | None, CorrectionState | None]] = [
        ("code", None),
        ("code", "accepted"),
        ("code", "rejected"),
        ("general", None),
        (None, None),
    ]
    for answered, state in said_of:
        turn = replace(await conversations.begin_turn("local", None, "soup?"), domain=answered)
        said, _ = await corrections.say(turn, "cooking")
        if state is not None:
            await corrections.settle(said.id, state)
    assert await corrections.count_by_answered(0.0) == {"code": 2, "general": 1}
    assert await corrections.count_by_answered(time.time() + 60) == {}


async def test_accepted_ones_come_in_the_order_in_which_they_were_accepted(
    corrections: Corrections, conversations: Conversations
) -> None:
    said = [
        (await corrections.say(await conversations.begin_turn("local", None, text), "code"))[0] for text in ("a", "b")
    ]
    for correction in reversed(said):
        await corrections.settle(correction.id, "accepted")
    assert [one.message for one in await corrections.find("accepted")] == ["b", "a"]


async def test_a_deleted_conversation_leaves_only_what_was_accepted(
    corrections: Corrections, conversations: Conversations
) -> None:
    states: tuple[CorrectionState, ...] = ("pending", "accepted", "rejected")
    for state in states:
        turn = await conversations.begin_turn("local", None, state)
        said, _ = await corrections.say(turn, "code")
        await corrections.settle(said.id, state)
        await conversations.delete("local", turn.conversation)
    (left,) = await corrections.find()
    assert (left.message, left.turn, left.domain) == ("accepted", None, "code")


async def test_what_is_not_there_is_named(corrections: Corrections, conversations: Conversations) -> None:
    turn = await conversations.begin_turn("local", None, "soup?")
    await conversations.delete("local", turn.conversation)
    with pytest.raises(UnknownTurn):
        await corrections.say(turn, "code")
    with pytest.raises(UnknownCorrection, match="nothing"):
        await corrections.settle("nothing", "accepted")
