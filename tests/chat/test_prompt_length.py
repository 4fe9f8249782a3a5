"""Prompts that turn out to be longer than the context: shortened where the engine says so, told of where it cuts."""

from collections.abc import Sequence

import pytest

from mdsa_server.chat.token_estimate import size_of
from mdsa_server.embedded_ollama.request_body import RequestBody
from mdsa_server.plugin_api.contracts import RetrieverQuery
from mdsa_server.vocabulary.events import PromptAssembled, PromptOverran, TurnFailed, TurnFinished
from mdsa_server.vocabulary.passages import Passage
from tests.chat.conftest import Office, events_of
from tests.chat.tool_turns import finished, model_of, of_kind

TABLE = "12.5 | 1013.25 | 0.0031 | 77 | 8.314\n" * 20
PROSE = "The pump must be oiled every week, and its valve closed before anyone opens the lid of the tank. " * 8


class Finds:
    """A retriever that finds the same text many times."""

    name = "finds"

    def __init__(self, text: str) -> None:
        self.text = text

    async def retrieve(self, query: RetrieverQuery) -> Sequence[Passage]:
        return [Passage(text=f"{number} {self.text}", source="book.md") for number in range(30)]


def bytes_in(asked: RequestBody) -> int:
    return sum(size_of(message["content"]) for message in asked.messages)


@pytest.fixture
def finding_prose(office: Office) -> Office:
    office.offering.retrievers = [Finds(PROSE)]
    return office


async def test_passages_of_numbers_are_counted_for_what_they_are(office: Office) -> None:
    office.offering.retrievers = [Finds(TABLE)]
    model_of(office).tokens = lambda asked: int(0.9 * bytes_in(asked))
    events = await events_of(office, "code")
    assert of_kind(events, PromptOverran) == []
    (assembled,) = of_kind(events, PromptAssembled)
    assert 0 < assembled.ledger.passages < assembled.ledger.context


async def test_an_engine_that_refuses_to_cut_is_asked_once_more_with_less(finding_prose: Office) -> None:
    model = model_of(finding_prose)
    model.heeds_truncate, model.tokens = True, lambda asked: int(0.8 * bytes_in(asked))
    events = await events_of(finding_prose, "code")
    assert isinstance(events[-1], TurnFinished)
    first, second = of_kind(events, PromptAssembled)
    assert second.ledger.dropped_passages > first.ledger.dropped_passages
    assert of_kind(events, PromptOverran) == []
    asked = [body for body in finding_prose.engine.asked("/api/chat") if body.get("messages")]
    assert [body["truncate"] for body in asked] == [False, False]


async def test_what_a_refusal_taught_holds_for_the_next_turn(finding_prose: Office) -> None:
    model = model_of(finding_prose)
    model.heeds_truncate, model.tokens = True, lambda asked: int(0.8 * bytes_in(asked))
    await finished(finding_prose, "code")
    assert len(of_kind(await events_of(finding_prose, "code"), PromptAssembled)) == 1


async def test_a_second_refusal_fails_the_turn_and_says_what_to_change(finding_prose: Office) -> None:
    model = model_of(finding_prose)
    model.heeds_truncate, model.tokens = True, lambda asked: 100_000
    last = (await events_of(finding_prose, "code"))[-1]
    assert isinstance(last, TurnFailed)
    assert "num_ctx" in last.problem.mend


async def test_an_engine_that_cuts_without_a_word_is_found_out_by_its_count_and_told_of(finding_prose: Office) -> None:
    model_of(finding_prose).tokens = lambda asked: min(4096, int(0.8 * bytes_in(asked)))
    turn = await finished(finding_prose, "code")
    assert turn.ledger is not None
    assert turn.ledger.counted == 4096
    stored, _ = await finding_prose.turn_log.story("local", turn.id)
    assert stored.ledger == turn.ledger


async def test_a_count_that_was_to_be_expected_is_no_news(finding_prose: Office) -> None:
    model_of(finding_prose).tokens = lambda asked: bytes_in(asked) // 5
    turn = await finished(finding_prose, "code")
    assert turn.ledger is not None
    assert turn.ledger.counted is None
