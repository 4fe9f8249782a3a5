"""Conversations are kept, found, and belong to their owner."""

import time

import pytest

from mdsa_server.errors import UnknownConversation
from mdsa_server.store.conversations import Conversations, title_of
from mdsa_server.store.database import Database
from mdsa_server.store.turn_log import TurnLog
from mdsa_server.vocabulary.events import PromptAssembled, Token, TurnFinished
from mdsa_server.vocabulary.passages import GivenPassage
from mdsa_server.vocabulary.turn import Ledger, Timings, Usage

END = TurnFinished(at=1.0, usage=Usage(), timings=Timings(total=1.0), reason="stop")


async def test_the_first_message_makes_the_conversation_and_names_it(conversations: Conversations) -> None:
    turn = await conversations.begin_turn("local", None, "\n  How do I sort a list?\nIn Python.")
    read = await conversations.read("local", turn.conversation)
    assert read.title == "How do I sort a list?"
    assert [kept.message for kept in read.turns] == ["\n  How do I sort a list?\nIn Python."]
    assert read.turns[0].outcome == "running"


async def test_turns_follow_one_another(conversations: Conversations) -> None:
    first = await conversations.begin_turn("local", None, "one")
    second = await conversations.begin_turn("local", first.conversation, "two")
    assert second.parent == first.id
    assert [turn.message for turn in (await conversations.read("local", first.conversation)).turns] == ["one", "two"]


async def test_turns_keep_their_order_when_the_clock_is_set_back(
    conversations: Conversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await conversations.begin_turn("local", None, "one")
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    second = await conversations.begin_turn("local", first.conversation, "two")
    assert second.parent == first.id
    read = await conversations.read("local", first.conversation)
    assert [turn.message for turn in read.turns] == ["one", "two"]
    assert [turn.message for turn in await conversations.earlier_turns(second, 9)] == ["one"]


async def test_earlier_turns_are_the_latest_ones_before_a_turn(conversations: Conversations, turn_log: TurnLog) -> None:
    turn = await conversations.begin_turn("local", None, "0")
    for number in range(1, 5):
        await turn_log.finish(turn, [Token(at=0.0, text=f"answer {turn.message}"), END])
        turn = await conversations.begin_turn("local", turn.conversation, str(number))
    earlier = await conversations.earlier_turns(turn, 2)
    assert [(past.message, past.answer) for past in earlier] == [("2", "answer 2"), ("3", "answer 3")]


async def test_earlier_turns_tell_which_passages_they_were_given(
    conversations: Conversations, turn_log: TurnLog
) -> None:
    turn = await conversations.begin_turn("local", None, "0")
    assembled = PromptAssembled(
        at=0.0,
        model="m",
        ledger=Ledger(context=1, instructions=0, history=0, passages=0, question=0, reserve=0),
        passages=(GivenPassage(number=2),),
    )
    await turn_log.finish(turn, [assembled, Token(at=0.0, text="As [2] says."), END])
    (earlier,) = await conversations.earlier_turns(await conversations.begin_turn("local", turn.conversation, "1"), 9)
    assert [given.number for given in earlier.given] == [2]


async def test_what_was_answered_before_the_earlier_turns_is_counted(
    conversations: Conversations, turn_log: TurnLog
) -> None:
    turn = await conversations.begin_turn("local", None, "0")
    for number in range(1, 6):
        if number != 2:
            await turn_log.finish(turn, [Token(at=0.0, text="answer"), END])
        turn = await conversations.begin_turn("local", turn.conversation, str(number))
    assert [await conversations.count_before_earlier(turn, limit) for limit in (0, 1, 2, 4, 5, 9)] == [4, 3, 2, 1, 0, 0]


async def test_another_owners_conversation_does_not_exist(conversations: Conversations) -> None:
    turn = await conversations.begin_turn("ada", None, "secret")
    for attempt in (
        conversations.read("bob", turn.conversation),
        conversations.rename("bob", turn.conversation, "mine"),
        conversations.delete("bob", turn.conversation),
        conversations.begin_turn("bob", turn.conversation, "let me in"),
    ):
        with pytest.raises(UnknownConversation):
            await attempt
    assert await conversations.find("bob") == []
    assert (await conversations.read("ada", turn.conversation)).title == "secret"


async def test_the_list_is_paged_last_used_first(conversations: Conversations) -> None:
    made = [(await conversations.begin_turn("local", None, f"number {n}")).conversation for n in range(5)]
    await conversations.begin_turn("local", made[0], "back to the first")
    first = await conversations.find("local", limit=3)
    rest = await conversations.find("local", limit=3, before=first[-1].id)
    assert [summary.id for summary in first + rest] == [made[0], made[4], made[3], made[2], made[1]]
    assert first[0].turns == 2


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("PYTHON", ["python"]),
        ("100%", ["100 sure", "100% sure"]),
        ("100 su", ["100 sure", "100% sure"]),
        ("%", []),
        ("ÜBERGRÖSSE", ["übergröße"]),
        ("ubergro", ["übergröße"]),
        ('" OR python NEAR(', []),
        ("x" * 60_000, []),
        ("absent", []),
    ],
)
async def test_search_looks_for_words_and_their_beginnings(
    conversations: Conversations, query: str, found: list[str]
) -> None:
    for message in ("python", "100% sure", "100 sure", "übergröße"):
        await conversations.begin_turn("local", None, message)
    assert [summary.title for summary in await conversations.find("local", query=query)] == found


async def test_search_looks_into_titles_and_into_all_branches(conversations: Conversations, turn_log: TurnLog) -> None:
    turn = await conversations.begin_turn("local", None, "pears")
    await conversations.begin_turn("local", None, "apples", instead_of=turn.id)
    await turn_log.finish(turn, [Token(at=0.0, text="They are sweet."), END])
    await conversations.rename("local", turn.conversation, "Fruit of the season")

    for query in ("pears", "apples", "sweet", "fruit SEA"):
        assert [found.title for found in await conversations.find("local", query=query)] == ["Fruit of the season"]
    assert await conversations.find("local", query="pears apples") == []
    await conversations.delete("local", turn.conversation)
    assert await conversations.find("local", query="season") == []


async def test_a_deleted_conversation_takes_its_turns_along(conversations: Conversations, turn_log: TurnLog) -> None:
    turn = await conversations.begin_turn("local", None, "gone")
    await conversations.delete("local", turn.conversation)
    await turn_log.finish(turn, [END])
    assert await conversations.find("local") == []


def test_a_long_title_is_cut_at_a_word() -> None:
    title = title_of("word " * 40)
    assert len(title) <= 82
    assert title.endswith("word …")
    assert title_of(" \n ") == "Conversation"


async def test_a_deleted_conversation_leaves_no_turn_behind(conversations: Conversations, database: Database) -> None:
    turn = await conversations.begin_turn("local", None, "a secret")
    await conversations.delete("local", turn.conversation)
    assert await database.read(lambda db: db.execute("select message from turns").fetchall()) == []
