"""Who calls a tool is told to it by the server, and nothing that a model writes can say otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Optional

import msgspec
import pytest

from mdsa_server.plugin_api import PluginFault, Tool, ToolCall
from tests.chat.conftest import GENERAL

CALL = ToolCall(domain=GENERAL, caller="local", conversation=None)


def plain(call: ToolCall) -> str:
    """Tell who calls."""
    return call.caller


def optional(call: ToolCall | None = None) -> str:
    """Tell who calls."""
    return call.caller if call else "nobody"


def optional_as_it_was(call: Optional[ToolCall] = None) -> str:  # noqa: UP045  # plugins may write it so
    """Tell who calls."""
    return call.caller if call else "nobody"


def annotated(call: Annotated[ToolCall, "who calls"]) -> str:
    """Tell who calls."""
    return call.caller


def both(call: Annotated[ToolCall | None, "who calls"], again: Annotated[ToolCall, ""] | None = None) -> str:
    """Tell who calls, twice over."""
    return call.caller if call and again is call else "nobody"


@pytest.mark.parametrize("function", [plain, optional, optional_as_it_was, annotated, both])
def test_however_a_tool_asks_for_its_caller_the_server_fills_it_and_the_model_cannot(
    function: Callable[..., Any],
) -> None:
    tool = Tool(function)
    assert tool.parameters.get("properties", {}) == {}
    assert tool.bind({}, CALL)() == "local"
    with pytest.raises(msgspec.ValidationError):
        tool.bind({"call": {"caller": "admin", "domain": {"name": "x"}, "conversation": None}}, CALL)


class Letter(msgspec.Struct):
    by: ToolCall


@dataclass(frozen=True, kw_only=True)
class MyCall(ToolCall):
    extra: int = 0


class Ring(msgspec.Struct):
    name: str
    next: Ring | None = None


def listed(calls: list[ToolCall]) -> None:
    """Do it."""


def by_name(calls: dict[str, ToolCall | None]) -> None:
    """Do it."""


def either(call: ToolCall | str) -> None:
    """Do it."""


def within(letter: Letter) -> None:
    """Do it."""


def derived(call: MyCall) -> None:
    """Do it."""


@pytest.mark.parametrize("function", [listed, by_name, either, within, derived])
def test_a_caller_within_something_else_is_the_plugins_fault(function: Callable[..., Any]) -> None:
    with pytest.raises(PluginFault, match="a model could make up"):
        Tool(function)


def test_a_type_that_holds_itself_is_looked_through_once() -> None:
    def walk(ring: Ring) -> str:
        """Walk."""
        return ring.name

    assert Tool(walk).bind({"ring": {"name": "a", "next": {"name": "b"}}}, CALL)() == "a"
