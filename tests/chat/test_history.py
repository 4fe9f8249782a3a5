"""What a prompt holds of the turns before it, and what is told of those that are left out."""

from typing import Any, NoReturn

import pytest

from mdsa_server.chat import turn as turn_story
from mdsa_server.errors import StoreDamaged
from mdsa_server.vocabulary.events import ContextTrimmed, HistoryUnread, PromptAssembled
from mdsa_server.vocabulary.turn import Turn
from tests.chat.conftest import Office, events_of
from tests.chat.test_passages import Finds
from tests.chat.tool_turns import model_of, of_kind


async def said_to(office: Office, message: str, conversation: str) -> list[dict[str, Any]]:
    """Ask something more in a conversation, and give the messages of its prompt."""
    await events_of(office, message, conversation=conversation)
    messages: list[dict[str, Any]] = office.engine.asked("/api/chat")[-1]["messages"]
    return messages


async def conversation_of(office: Office, message: str) -> str:
    live = await office.live_turns.start("local", message)
    return (await live.finished()).conversation


async def test_citations_of_earlier_answers_are_not_sent_beside_new_passages(office: Office) -> None:
    office.offering.retrievers = [Finds("book", "All about code.", "Code is text.")]
    model_of(office).says = ["Code is text [2][1, 2].\n\n", "```\nrows[1]\n```\n", "See [7]."]
    conversation = await conversation_of(office, "code")
    messages = await said_to(office, "code again", conversation)
    assert [message["content"] for message in messages if message["role"] == "assistant"] == [
        "Code is text.\n\n```\nrows[1]\n```\nSee [7]."
    ]


async def test_answers_that_had_no_passages_are_sent_as_they_were(office: Office) -> None:
    model_of(office).says = ["The interval [1, 2]."]
    conversation = await conversation_of(office, "code")
    office.offering.retrievers = [Finds("book", "All about code.", "Code is text.")]
    messages = await said_to(office, "code again", conversation)
    assert messages[-2]["content"] == "The interval [1, 2]."


async def test_turns_that_are_too_many_to_be_looked_at_are_counted_as_left_out(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn_story, "HISTORY_TURNS", 2)
    conversation = await conversation_of(office, "code 0")
    for number in range(1, 4):
        await said_to(office, f"code {number}", conversation)
    events = await events_of(office, "code 4", conversation=conversation)
    (trimmed,) = of_kind(events, ContextTrimmed)
    (assembled,) = of_kind(events, PromptAssembled)
    assert trimmed.turns == assembled.ledger.dropped_turns == 2


async def test_a_message_is_answered_without_what_was_said_before_where_that_cannot_be_read(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await (await office.live_turns.start("local", "one")).finished()

    async def unreadable(turn: Turn, limit: int) -> NoReturn:
        raise StoreDamaged("a page is damaged", "Put a backup in its place.")

    monkeypatch.setattr(office.live_turns.desk.conversations, "earlier_turns", unreadable)
    events = await events_of(office, "two", conversation=first.conversation)
    (told,) = [event for event in events if isinstance(event, HistoryUnread)]
    assert told.problem.code == "store-damaged"
    last = await office.live_turns.desk.conversations.read("local", first.conversation)
    assert (last.turns[-1].answer, last.turns[-1].history_problem) == ("Hello there.", told.problem)
