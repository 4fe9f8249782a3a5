"""Tools for turns of the scripted engine, and what a test asks of such turns."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from mdsa_server.embedded_ollama.request_body import RequestBody
from mdsa_server.plugin_api import Tool
from mdsa_server.vocabulary.events import (
    Token,
    TurnEvent,
)
from mdsa_server.vocabulary.tools import ToolPolicy, ToolUse
from mdsa_server.vocabulary.turn import Turn
from tests.chat.conftest import Office
from tests.fakes.script import Calls, ScriptedModel, Step

Answering = Callable[[RequestBody], Sequence[Step]]


def time_in(city: str) -> str:
    """Tell the time in a city."""
    return f"07:12 in {city}"


def send(to: str) -> str:
    """Send a letter to somebody."""
    return f"sent to {to}"


def model_of(office: Office) -> ScriptedModel:
    """The only model that the scripted engine has."""
    (model,) = office.engine.models.values()
    return model


def give(office: Office, *tools: Tool, use: ToolUse = "auto", **policy: Any) -> None:
    """Have the domain `general` call tools."""
    office.offering.own_tools = list(tools)
    desk = office.live_turns.desk
    general = replace(desk.team.domains["general"], tools=tuple(tool.name for tool in tools), tool_use=use)
    desk.team = dataclass_replace(
        desk.team, domains={**desk.team.domains, "general": general}, tools=ToolPolicy(**policy)
    )


def dataclass_replace(team: Any, **changes: Any) -> Any:

    return dataclasses.replace(team, **changes)


def results_in(asked: RequestBody) -> list[str]:
    return [str(message["content"]) for message in asked.messages if message["role"] == "tool"]


def calling_once(*calls: Calls, then: str = "It is 07:12.") -> Answering:
    """Ask for the calls, and answer when results are there."""
    return lambda asked: (then,) if results_in(asked) else calls


def of_kind(events: Sequence[TurnEvent], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def text_of(events: Sequence[TurnEvent]) -> str:
    return "".join(event.text for event in of_kind(events, Token))


async def finished(office: Office, message: str = "general") -> Turn:
    return await (await office.live_turns.start("local", message)).finished()
