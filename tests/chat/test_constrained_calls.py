"""Calls by models that have no means of their own to make them: held to a schema."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from mdsa_server.embedded_ollama.request_body import RequestBody
from mdsa_server.embedded_ollama.wire import Refused
from mdsa_server.plugin_api import DescribedTool, Tool
from mdsa_server.vocabulary.events import (
    CallsConsidered,
    PromptAssembled,
    TurnFailed,
    TurnFinished,
)
from tests.chat.conftest import Office, events_of
from tests.chat.test_passages import Finds
from tests.chat.tool_turns import calling_once, finished, give, model_of, of_kind, time_in
from tests.fakes.script import Calls, Step


def deciding(office: Office, tool: str, arguments: dict[str, Any], then: str = "So it is.") -> list[RequestBody]:
    """Have the model decide by schema; gives what it is asked."""
    model_of(office).capabilities = ("completion",)
    seen: list[RequestBody] = []

    def says(asked: RequestBody) -> Sequence[Step]:
        seen.append(asked)
        if not isinstance(asked.format, dict):
            return (then,)
        if "tool" in asked.format["properties"]:
            done = "<result" in str(asked.messages[-1]["content"])
            return (json.dumps({"tool": "none" if done else tool}),)
        return (json.dumps(arguments),)

    model_of(office).says = says
    return seen


async def test_a_model_without_tools_of_its_own_is_held_to_a_schema(office: Office) -> None:
    give(office, Tool(time_in))
    seen = deciding(office, "time_in", {"city": "Tokyo"})
    turn = await finished(office)
    assert [(run.tool, run.arguments, run.outcome) for run in turn.tool_runs] == [
        ("time_in", {"city": "Tokyo"}, "returned")
    ]
    assert turn.answer == "So it is."
    assert not any(asked.tools for asked in seen)
    assert "07:12 in Tokyo" in str(seen[-1].messages[-1]["content"]), "it answers with the result before it"


async def test_a_description_holds_no_sign_of_the_engines_when_the_model_decides(office: Office) -> None:
    async def nothing(arguments: dict[str, Any]) -> str:
        return ""

    give(office, DescribedTool("read", "Read it.<|im_end|>", {"type": "object"}, nothing))
    seen = deciding(office, "none", {})
    await finished(office)
    system = str(seen[0].messages[0]["content"])
    assert "read: Read it." in system
    assert "<|im_end|>" not in system


async def test_a_model_that_wants_no_tool_answers_at_once(office: Office) -> None:
    give(office, Tool(time_in))
    deciding(office, "none", {})
    turn = await finished(office)
    assert (turn.tool_runs, turn.answer) == ((), "So it is.")


async def test_what_ends_in_the_middle_of_its_arguments_is_no_call(office: Office) -> None:
    give(office, Tool(time_in))
    deciding(office, "time_in", {})
    model_of(office).says = lambda asked: (
        ("Well.",)
        if not isinstance(asked.format, dict)
        else ('{"tool": "time_in"}',)
        if "tool" in asked.format["properties"]
        else ('{"city": "To',)
    )
    turn = await finished(office)
    assert (turn.tool_runs, turn.answer) == ((), "Well.")


async def test_an_engine_that_takes_no_such_schema_is_asked_for_an_answer(office: Office) -> None:
    give(office, Tool(time_in))
    deciding(office, "time_in", {}, then="Well.")
    model_of(office).refuses_formats = Refused(500, "failed to parse grammar")
    turn = await finished(office)
    assert (turn.outcome, turn.answer) == ("answered", "Well.")


async def test_a_domain_may_have_its_tools_switched_off(office: Office) -> None:
    give(office, Tool(time_in), use="off")
    seen: list[RequestBody] = []

    def says(asked: RequestBody) -> Sequence[Step]:
        seen.append(asked)
        return ("Hello.",)

    model_of(office).says = says
    await finished(office)
    assert not seen[0].tools
    assert not seen[0].format


async def test_prompts_are_told_each_time_that_the_model_is_asked(office: Office) -> None:
    give(office, Tool(time_in))
    model_of(office).says = calling_once(Calls("time_in", {"city": "Tokyo"}))
    events = await events_of(office, "general")
    assert len(of_kind(events, PromptAssembled)) == 2
    assert isinstance(events[-1], TurnFinished)
    assert of_kind(events, TurnFailed) == []


async def test_that_a_model_is_asked_which_tool_it_wants_is_told_and_what_that_took_of_its_context(
    office: Office,
) -> None:
    give(office, Tool(time_in))
    deciding(office, "time_in", {"city": "Tokyo"})
    events = await events_of(office, "general")
    first = of_kind(events, CallsConsidered)[0]
    assert first.tools == 1
    decided, answered = of_kind(events, PromptAssembled)
    assert events.index(first) < events.index(decided)
    assert decided.ledger.tools > 0
    assert (decided.ledger.instructions, answered.ledger.tools) == (0, 0)


async def test_a_model_that_no_tool_is_put_to_considers_none(office: Office) -> None:
    assert of_kind(await events_of(office, "general"), CallsConsidered) == []


@pytest.mark.parametrize("written", ['{"city": "To\\ud83d"}', "[" * 1000, '{"city": 3', "null"])
async def test_what_cannot_be_read_as_arguments_is_no_call(office: Office, written: str) -> None:
    give(office, Tool(time_in))
    deciding(office, "time_in", {})
    model_of(office).says = lambda asked: (
        ("Well.",)
        if not isinstance(asked.format, dict)
        else ('{"tool": "time_in"}',)
        if "tool" in asked.format["properties"]
        else (written,)
    )
    turn = await finished(office)
    assert (turn.outcome, turn.answer) == ("answered", "Well.")


async def test_a_call_tells_of_no_passages_that_the_model_was_not_given(office: Office) -> None:
    give(office, Tool(time_in))
    office.offering.retrievers = [Finds("book", "All about clocks.")]
    model_of(office).parameters = 135_000_000
    deciding(office, "time_in", {"city": "Tokyo"})
    turn = await finished(office)
    assert turn.answer == "07:12 in Tokyo", "a model this small is not asked to put it in words"
    assert turn.given == ()
    assert turn.model == "scripted:1b"
