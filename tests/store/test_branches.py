"""A conversation's turns are a tree: whatever is sent in place of a turn stands beside it, and nothing is lost."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mdsa_server.errors import InvalidRequest, UnknownTurn
from mdsa_server.store.conversations import Conversations
from mdsa_server.store.turn_log import TurnLog
from mdsa_server.vocabulary.conversation import Conversation
from mdsa_server.vocabulary.turn import Turn

ABSENT = "01890000-0000-7000-8000-000000000000"


def said(conversation: Conversation) -> list[str]:
    return [turn.message for turn in conversation.turns]


@pytest.fixture
async def line(conversations: Conversations) -> list[Turn]:
    """Three turns, one after the other."""
    turns = [await conversations.begin_turn("local", None, "one")]
    for message in ("two", "three"):
        turns.append(await conversations.begin_turn("local", turns[0].conversation, message))
    return turns


async def test_a_turn_in_place_of_another_begins_a_branch_and_the_other_stays(
    conversations: Conversations, line: list[Turn]
) -> None:
    home = line[0].conversation
    other = await conversations.begin_turn("local", home, "two, better", instead_of=line[1].id)

    assert other.parent == line[0].id
    shown = await conversations.read("local", home)
    assert (said(shown), shown.leaf) == (["one", "two, better"], other.id)
    assert shown.beside == {other.id: (line[1].id, other.id)}
    assert said(await conversations.read("local", home, through=line[1].id)) == ["one", "two", "three"]


async def test_what_is_sent_next_goes_on_from_the_branch_that_was_last_written_to(
    conversations: Conversations, line: list[Turn]
) -> None:
    home = line[0].conversation
    await conversations.begin_turn("local", home, "two, better", instead_of=line[1].id)
    await conversations.begin_turn("local", home, "and on")
    assert said(await conversations.read("local", home)) == ["one", "two, better", "and on"]

    back = await conversations.begin_turn("local", None, "back here", after=line[2].id)
    assert back.conversation == home
    assert said(await conversations.read("local", home)) == ["one", "two", "three", "back here"]


async def test_the_first_message_too_may_be_another_one(conversations: Conversations, line: list[Turn]) -> None:
    home = line[0].conversation
    other = await conversations.begin_turn("local", home, "one, better", instead_of=line[0].id)
    assert other.parent is None
    shown = await conversations.read("local", home)
    assert (said(shown), shown.beside) == (["one, better"], {other.id: (line[0].id, other.id)})


async def test_only_turns_of_the_same_conversation_stand_beside_one_another(conversations: Conversations) -> None:
    first = await conversations.begin_turn("local", None, "one")
    await conversations.begin_turn("local", None, "a first message too")
    assert (await conversations.read("local", first.conversation)).beside == {}


async def test_a_turn_that_stands_aside_does_not_move_the_conversation(
    conversations: Conversations, line: list[Turn]
) -> None:
    home = line[0].conversation
    aside = await conversations.begin_turn("local", home, "two", instead_of=line[1].id, aside=True)

    shown = await conversations.read("local", home)
    assert said(shown) == ["one", "two", "three"]
    assert shown.beside == {line[1].id: (line[1].id, aside.id)}
    assert await conversations.beside(aside) == (line[1].id, aside.id)
    assert await conversations.beside(line[0]) == (line[0].id,)


async def test_the_first_turn_of_a_conversation_stands_aside_from_nothing(conversations: Conversations) -> None:
    turn = await conversations.begin_turn("local", None, "one", aside=True)
    assert said(await conversations.read("local", turn.conversation)) == ["one"]


async def test_a_branch_is_shown_to_its_current_end_or_else_to_its_latest(
    conversations: Conversations, line: list[Turn]
) -> None:
    home = line[0].conversation
    await conversations.begin_turn("local", home, "aside", instead_of=line[1].id, aside=True)
    assert said(await conversations.read("local", home, through=line[0].id)) == ["one", "two", "three"]

    await conversations.begin_turn("local", home, "elsewhere", instead_of=line[0].id)
    later = await conversations.begin_turn("local", home, "two, later", instead_of=line[1].id, aside=True)
    shown = await conversations.read("local", home, through=line[0].id)
    assert (said(shown), shown.leaf) == (["one", "two, later"], later.id)


async def test_the_last_turns_of_a_branch_are_read_and_those_before_them(
    conversations: Conversations, line: list[Turn]
) -> None:
    home = line[0].conversation
    last = await conversations.read("local", home, limit=2)
    assert (said(last), last.earlier) == (["two", "three"], 1)
    before = await conversations.read("local", home, before=last.turns[0].id, limit=2)
    assert (said(before), before.earlier, before.leaf) == (["one"], 0, line[2].id)
    assert said(await conversations.read("local", home, before=line[0].id)) == []


async def test_history_is_the_path_and_not_what_came_before_in_time(
    conversations: Conversations, line: list[Turn]
) -> None:
    other = await conversations.begin_turn("local", None, "two, better", instead_of=line[1].id)
    after = await conversations.begin_turn("local", None, "and on", after=other.id)
    assert [turn.message for turn in await conversations.earlier_turns(after, 9)] == ["one", "two, better"]
    assert [turn.message for turn in await conversations.latest_turns("local", after.conversation, 2)] == [
        "two, better",
        "and on",
    ]


async def test_a_turn_that_is_named_twice_or_is_elsewhere_is_refused_and_nothing_is_saved(
    conversations: Conversations, line: list[Turn]
) -> None:
    elsewhere = await conversations.begin_turn("local", None, "elsewhere")
    with pytest.raises(InvalidRequest, match="both"):
        await conversations.begin_turn("local", None, "x", instead_of=line[0].id, after=line[0].id)
    with pytest.raises(InvalidRequest, match="another conversation"):
        await conversations.begin_turn("local", elsewhere.conversation, "x", after=line[0].id)
    for owner, turn in (("local", ABSENT), ("somebody else", line[0].id)):
        with pytest.raises(UnknownTurn):
            await conversations.begin_turn(owner, None, "x", instead_of=turn)
    for through, before in ((elsewhere.id, None), (None, ABSENT)):
        with pytest.raises(UnknownTurn):
            await conversations.read("local", line[0].conversation, through=through, before=before)
    assert [found.turns for found in await conversations.find("local")] == [1, 3]


async def test_turns_of_two_pages_stand_beside_one_another_or_follow_one_another(
    conversations: Conversations, line: list[Turn]
) -> None:
    home = line[0].conversation
    beside = await asyncio.gather(
        *(conversations.begin_turn("local", home, f"page {page}", after=line[2].id) for page in range(8))
    )
    assert {turn.parent for turn in beside} == {line[2].id}
    assert set(await conversations.beside(beside[0])) == {turn.id for turn in beside}

    chained = await asyncio.gather(*(conversations.begin_turn("local", home, f"page {page}") for page in range(8)))
    shown = await conversations.read("local", home)
    assert {turn.id for turn in shown.turns[-8:]} == {turn.id for turn in chained}
    assert len(shown.turns) == 12


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(("after", "instead_of", "none")), st.integers(0, 99)), max_size=12))
async def test_whatever_is_sent_where_every_turn_can_be_shown_with_what_led_to_it(
    conversations: Conversations, turn_log: TurnLog, sent: list[tuple[str, int]]
) -> None:
    turns = [await conversations.begin_turn("local", None, "0")]
    paths = {turns[0].id: ["0"]}
    current = turns[0].id
    for number, (way, which) in enumerate(sent, start=1):
        named = turns[which % len(turns)].id
        turn = await conversations.begin_turn(
            "local",
            turns[0].conversation,
            str(number),
            after=named if way == "after" else None,
            instead_of=named if way == "instead_of" else None,
        )
        before = {"none": paths[current], "after": paths[named], "instead_of": paths[named][:-1]}[way]
        paths[turn.id] = [*before, str(number)]
        turns.append(turn)
        current = turn.id

    home = turns[0].conversation
    assert said(await conversations.read("local", home)) == paths[current]
    for turn in turns:
        path = paths[turn.id]
        assert said(await conversations.read("local", home, through=turn.id))[: len(path)] == path
        assert [past.message for past in await conversations.earlier_turns(turn, 99)] == path[:-1]
        assert await conversations.count_before_earlier(turn, 0) == 0
        assert turn.id in await conversations.beside(turn)
