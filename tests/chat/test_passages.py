"""Turns that rest on documents: what is said where nothing is found, and what is told of what did not fit."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from mdsa_server.chat.answer import NO_ROOM
from mdsa_server.chat.turn import NO_PASSAGES
from mdsa_server.plugin_api.contracts import RetrieverQuery
from mdsa_server.vocabulary.events import ContextTrimmed, PassagesFound, PromptAssembled, Token, TurnFinished
from mdsa_server.vocabulary.passages import GivenPassage, Passage
from mdsa_server.vocabulary.replay import told
from mdsa_server.vocabulary.turn import Turn
from tests.chat.conftest import Office, events_of

TURN = Turn(id="t", conversation="c", parent=None, message="code", started=datetime(2026, 3, 14, tzinfo=UTC))


class Finds:
    """A retriever that finds the same for every message."""

    def __init__(self, name: str, *texts: str) -> None:
        self.name = name
        self.texts = texts

    async def retrieve(self, query: RetrieverQuery) -> Sequence[Passage]:
        return [Passage(text=text, source=f"{self.name}.md") for text in self.texts]


class Fails:
    name = "fails"

    async def retrieve(self, query: RetrieverQuery) -> Sequence[Passage]:
        raise LookupError


@pytest.fixture
def told_to_say_so(office: Office) -> Office:
    desk = office.live_turns.desk
    code = replace(desk.team.domains["code"], collections=("manuals",), no_passages="say so")
    desk.team = type(desk.team)(**{**vars(desk.team), "domains": {**desk.team.domains, "code": code}})
    return office


async def said(office: Office, message: str = "code") -> tuple[str, TurnFinished]:
    events = await events_of(office, message)
    last = events[-1]
    assert isinstance(last, TurnFinished), last
    return "".join(event.text for event in events if isinstance(event, Token)), last


async def test_a_domain_that_is_to_say_so_says_that_nothing_was_found_and_asks_no_model(told_to_say_so: Office) -> None:
    answer, end = await said(told_to_say_so)
    assert answer == "The documents of code hold nothing about this."
    assert (end.reason, end.usage) == (NO_PASSAGES, None)
    assert told_to_say_so.engine.asked("/api/chat") == []


async def test_a_search_that_failed_is_not_told_as_nothing_found(told_to_say_so: Office) -> None:
    told_to_say_so.offering.retrievers = [Fails()]
    answer, _ = await said(told_to_say_so)
    assert answer.startswith("The documents of code could not be searched: fails failed")


async def test_with_passages_it_answers_as_any_other(told_to_say_so: Office) -> None:
    told_to_say_so.offering.retrievers = [Fails(), Finds("book", "All about code.")]
    _, end = await said(told_to_say_so)
    assert end.reason == "stop"


async def test_where_passages_were_found_and_none_fits_it_says_so_and_asks_no_model(told_to_say_so: Office) -> None:
    told_to_say_so.offering.retrievers = [Finds("book", "x" * 90_000, "y" * 90_000)]
    events = await events_of(told_to_say_so, "code")
    (trimmed,) = [event for event in events if isinstance(event, ContextTrimmed)]
    answer = "".join(event.text for event in events if isinstance(event, Token))
    assert answer.startswith("The documents of code hold something about this, but none of it fits")
    assert f"{trimmed.context} tokens" in answer
    assert trimmed.passages == 2
    end = events[-1]
    assert isinstance(end, TurnFinished)
    assert (end.reason, end.usage) == (NO_ROOM, None)
    assert not [event for event in events if isinstance(event, PromptAssembled)]
    assert not [body for body in told_to_say_so.engine.asked("/api/chat") if body.get("messages")], "it was only loaded"


async def test_other_domains_answer_though_none_fits(office: Office) -> None:
    office.offering.retrievers = [Finds("book", "x" * 90_000)]
    _, end = await said(office)
    assert end.reason == "stop"


async def test_what_the_prompt_holds_is_told_by_the_numbers_of_what_was_found(office: Office) -> None:
    office.offering.retrievers = [Finds("book", "x" * 90_000, "All about code.")]
    events = await events_of(office, "code")
    (assembled,) = [event for event in events if isinstance(event, PromptAssembled)]
    assert assembled.passages == (GivenPassage(number=2),)
    assert "[2] book.md\nAll about code." in office.engine.asked("/api/chat")[-1]["messages"][0]["content"]
    assert told(TURN, events).given == (GivenPassage(number=2),)


async def test_other_domains_answer_anyway(told_to_say_so: Office) -> None:
    _, end = await said(told_to_say_so, "hello")
    assert end.reason == "stop"


async def test_the_best_of_each_retriever_come_first(office: Office) -> None:
    office.offering.retrievers = [Finds("a", "a1", "a2", "a3"), Finds("b", "b1")]
    (found,) = [event for event in await events_of(office, "code") if isinstance(event, PassagesFound)]
    assert [passage.text for passage in found.passages] == ["a1", "b1", "a2", "a3"]


async def test_what_does_not_fit_is_told_before_the_prompt(office: Office) -> None:
    office.offering.retrievers = [Finds("book", *(f"{number} " + "x" * 3000 for number in range(30)))]
    events = await events_of(office, "code")
    (trimmed,) = [event for event in events if isinstance(event, ContextTrimmed)]
    (assembled,) = [event for event in events if isinstance(event, PromptAssembled)]
    assert trimmed.passages == assembled.ledger.dropped_passages > 0
    assert trimmed.context == assembled.ledger.context
    assert events.index(trimmed) < events.index(assembled)


async def test_nothing_is_told_where_all_fits(office: Office) -> None:
    assert not [event for event in await events_of(office, "code") if isinstance(event, ContextTrimmed)]
