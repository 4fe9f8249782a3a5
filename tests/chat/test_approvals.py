"""Calls that wait until somebody allows them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mdsa_server.embedded_ollama.request_body import RequestBody
from mdsa_server.errors import NotAsking
from mdsa_server.plugin_api import Tool
from mdsa_server.vocabulary.events import (
    ApprovalAnswered,
    ApprovalAsked,
    ToolReturned,
)
from tests.chat.conftest import Office, events_of
from tests.chat.tool_turns import calling_once, give, model_of, of_kind, send, text_of, time_in
from tests.fakes.script import Calls, Step


async def test_a_tool_with_effects_waits_for_a_yes_and_says_whose_it_was(office: Office) -> None:
    give(office, Tool(send, effects=True))
    model_of(office).says = calling_once(Calls("send", {"to": "Ann"}), then="Sent.")
    stream = await office.live_turns.start("local", "general")
    waiting = await stream.finished_or_asking()
    assert waiting.needs is not None
    assert waiting.needs.kind == "approval"
    (call,) = waiting.needs.calls
    assert (call.tool, call.arguments) == ("send", {"to": "Ann"})
    await office.live_turns.approve("local", waiting.id, call.call, approved=True, by="local")
    turn = await stream.finished()
    assert (turn.needs, turn.answer) == (None, "Sent.")
    (run,) = turn.tool_runs
    assert (run.approval, run.by, run.result) == ("given", "local", "sent to Ann")
    with pytest.raises(NotAsking):
        await office.live_turns.approve("local", waiting.id, call.call, approved=True, by="local")


async def test_a_call_that_is_denied_is_not_made_and_the_model_answers_without(office: Office) -> None:
    sent: list[str] = []

    def post(to: str) -> str:
        """Post a letter."""
        sent.append(to)
        return "posted"

    give(office, Tool(post, effects=True))
    model_of(office).says = calling_once(Calls("post", {"to": "Ann"}), then="I did not.")
    stream = await office.live_turns.start("local", "general")
    await stream.finished_or_asking()
    await office.live_turns.approve("local", stream.turn.id, "1", approved=False, by="local")
    turn = await stream.finished()
    assert (turn.tool_runs[0].outcome, turn.tool_runs[0].approval, turn.answer) == ("denied", "denied", "I did not.")
    assert sent == []


async def test_a_call_that_nobody_allows_in_time_is_denied(office: Office) -> None:
    give(office, Tool(send, effects=True), approval_timeout=0.05)
    model_of(office).says = calling_once(Calls("send", {"to": "Ann"}))
    events = await events_of(office, "general")
    assert of_kind(events, ApprovalAsked)[0].seconds == 0.05
    answered = of_kind(events, ApprovalAnswered)[0]
    assert (answered.approved, answered.by) == (False, "")
    assert of_kind(events, ToolReturned)[0].outcome == "denied"


async def test_nobody_is_asked_to_allow_what_does_not_fit(office: Office) -> None:
    give(office, Tool(send, effects=True))
    model_of(office).says = calling_once(Calls("send", {"whom": "Ann"}))
    events = await events_of(office, "general")
    assert of_kind(events, ApprovalAsked) == []
    assert of_kind(events, ToolReturned)[0].outcome == "invalid"


async def test_what_is_never_to_be_called_is_not_offered_and_not_called(office: Office) -> None:
    give(office, Tool(send), Tool(time_in), approvals={"send": "deny"})
    seen: list[RequestBody] = []

    def says(asked: RequestBody) -> Sequence[Step]:
        seen.append(asked)
        return calling_once(Calls("send", {"to": "Ann"}))(asked)

    model_of(office).says = says
    events = await events_of(office, "general")
    assert [tool["function"]["name"] for tool in seen[0].tools] == ["time_in"]
    assert of_kind(events, ApprovalAsked) == []
    assert of_kind(events, ToolReturned)[0].outcome == "unknown"


async def test_nobody_is_asked_twice_for_the_same_call(office: Office) -> None:
    give(office, Tool(send, effects=True), approval_timeout=0.05)
    model_of(office).says = lambda asked: (Calls("send", {"to": "Ann"}),) if asked.tools else ("Then not.",)
    events = await events_of(office, "general")
    assert len(of_kind(events, ApprovalAsked)) == 1
    assert text_of(events) == "Then not."
