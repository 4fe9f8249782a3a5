"""A tool described by a schema is checked by it, and no schema that a program hands over can harm a turn."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from mdsa_server.chat.tool_calls import run_tool
from mdsa_server.plugin_api import DescribedTool, PluginFault, ToolCall
from mdsa_server.vocabulary.tools import ToolPolicy
from tests.chat.conftest import GENERAL, Offering

CALL = ToolCall(domain=GENERAL, caller="local", conversation=None)


def described(parameters: dict[str, Any]) -> DescribedTool:
    async def echo(arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments

    return DescribedTool("echo", "Say it again.", parameters, echo)


async def test_a_tool_described_by_a_schema_is_checked_by_it() -> None:
    tool = described({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]})
    assert (await run_tool(Offering(), tool, {"n": 1}, CALL, ToolPolicy())).text == '{"n":1}'
    wrong = await run_tool(Offering(), tool, {"n": "one"}, CALL, ToolPolicy())
    assert wrong.outcome == "invalid"
    assert "'one' is not of type 'integer'" in wrong.text
    assert (await run_tool(Offering(), tool, {}, CALL, ToolPolicy())).outcome == "invalid"


async def test_a_schema_that_leads_elsewhere_is_fetched_from_nowhere() -> None:
    tool = described({"type": "object", "properties": {"n": {"$ref": "http://127.0.0.1:9/schema.json"}}})
    assert (await run_tool(Offering(), tool, {"n": 1}, CALL, ToolPolicy())).outcome == "failed"


async def test_a_schema_that_leads_back_to_itself_is_a_failure_and_not_the_end_of_the_turn() -> None:
    assert (await run_tool(Offering(), described({"type": "object", "$ref": "#"}), {}, CALL, ToolPolicy())).outcome == (
        "failed"
    )


@pytest.mark.parametrize("parameters", [{"type": "object", "properties": 3}, {"type": "string"}, {}])
def test_what_is_no_schema_of_an_object_is_the_plugins_fault(parameters: dict[str, Any]) -> None:
    with pytest.raises(PluginFault):
        described(parameters)


@pytest.mark.parametrize(
    "more",
    [
        {"$ref": "#/required/x", "required": ["x"]},
        {"$ref": "#/$defs/missing"},
        {"$ref": "#nowhere"},
        {"properties": {"n": {"$ref": "#/maxProperties"}}, "maxProperties": 3},
    ],
)
def test_whatever_is_raised_of_a_schema_is_the_plugins_fault(more: dict[str, Any]) -> None:
    tool = described({"type": "object", **more})
    with pytest.raises(PluginFault, match="'echo': its parameters cannot be used"):
        tool.bind({"n": 1, "x": 1}, CALL)


@pytest.mark.parametrize("schema", [5, "http://[bad", ["x"]])
def test_a_schema_of_no_known_kind_is_the_plugins_fault(schema: Any) -> None:
    with pytest.raises(PluginFault, match="no JSON schema"):
        described({"type": "object", "$schema": schema})


@pytest.mark.parametrize("kind", [{}, {"$schema": "https://json-schema.org/draft/2020-12/schema"}])
def test_references_that_double_the_work_again_and_again_are_given_up(kind: dict[str, Any]) -> None:
    levels: dict[str, Any] = {f"l{n}": {"allOf": [{"$ref": f"#/$defs/l{n + 1}"}] * 2} for n in range(30)}
    for level in levels.values():
        level |= kind
    end = {"l30": {"type": "object"}}
    tool = described({"type": "object", "$ref": "#/$defs/l0", "$defs": levels | end, **kind})
    began = time.monotonic()
    with pytest.raises(PluginFault, match=r"more than 20,000 steps"):
        tool.bind({}, CALL)
    assert time.monotonic() - began < 3


def test_a_schema_is_checked_once_however_often_it_is_given() -> None:
    def schema() -> dict[str, Any]:
        return {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(700)}}

    def seconds() -> float:
        began = time.perf_counter()
        described(schema())
        return time.perf_counter() - began

    first = seconds()
    assert seconds() < first / 10


async def test_what_a_tool_does_to_its_arguments_changes_nothing_elsewhere() -> None:
    async def change(arguments: dict[str, Any]) -> str:
        arguments["to"].append("everyone")
        return "sent"

    tool = DescribedTool("send", "Send it.", {"type": "object"}, change)
    approved: dict[str, Any] = {"to": ["me"]}
    assert (await run_tool(Offering(), tool, approved, CALL, ToolPolicy())).text == "sent"
    assert approved == {"to": ["me"]}


def test_arguments_that_do_not_fit_are_told_with_their_place() -> None:
    tool = described({"type": "object", "properties": {"n": {"type": "integer"}}})
    with pytest.raises(msgspec.ValidationError, match=r"\$\.n"):
        tool.bind({"n": "one"}, CALL)
