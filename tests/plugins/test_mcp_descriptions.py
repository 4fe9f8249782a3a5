"""What an MCP server says of its tools is read within bounds, holds nothing up, and costs at most the tool itself."""

import time
from collections.abc import Sequence
from typing import Any

import mcp_types
import pytest

from mdsa_server.plugin_api import DescribedTool
from mdsa_server.plugin_host.discovery import discover
from tests.plugins.first_party import CALL, PLUGINS

(PLUGIN,) = (plugin for plugin in discover(PLUGINS, []) if plugin.name == "mcp_tools")
MODULE: Any = PLUGIN.load()
DESCRIBED: Any = __import__(f"{MODULE.__name__}.described", fromlist=["described"])
SETTINGS: Any = __import__(f"{MODULE.__name__}.server_settings", fromlist=["McpServer"])


async def never_call(tool: str, arguments: dict[str, Any]) -> str:
    raise AssertionError("nothing is called here")


def read(*tools: mcp_types.Tool) -> tuple[Sequence[DescribedTool], Sequence[str]]:
    given: tuple[Sequence[DescribedTool], Sequence[str]] = DESCRIBED.described(
        "own", tools, SETTINGS.McpServer(url="http://127.0.0.1:1/"), never_call
    )
    return given


def tool(schema: dict[str, Any], name: str = "do") -> mcp_types.Tool:
    return mcp_types.Tool(name=name, description="Do it.", input_schema={"type": "object", **schema})


def parameters(**schema: Any) -> dict[str, Any]:
    """Read the schema of a tool that is offered."""
    ((only,), left_out) = read(tool(schema))
    assert left_out == ()
    return only.parameters


def reason(**schema: Any) -> str:
    """Read the schema of a tool that is not."""
    (offered, (why,)) = read(tool(schema))
    assert offered == ()
    return why


SLOW = {"type": "string", "pattern": "^(a+)+$"}
PLACES: list[dict[str, Any]] = [
    {"properties": {"x": SLOW}},
    {"properties": {"x": {"anyOf": [SLOW]}}},
    {"properties": {"x": {"$ref": "#/$defs/slow"}}, "$defs": {"slow": SLOW}},
    {"properties": {"x": {"type": "string"}}, "additionalProperties": SLOW},
    {"patternProperties": {"^(a+)+$": {}}},
    {"propertyNames": SLOW},
]


@pytest.mark.parametrize("schema", PLACES)
def test_no_pattern_of_a_servers_is_ever_matched(schema: dict[str, Any]) -> None:
    ((only,), _) = read(tool(schema))
    slow = "a" * 28 + "!"
    began = time.monotonic()
    only.bind({"x": slow, slow: slow}, CALL)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("place", ["#/default", "#/x-more", "#/properties", "#/enum/0", "#anchor", "#/$defs"])
def test_a_reference_leads_to_a_schema_of_the_tools_own_or_the_tool_is_left_out(place: str) -> None:
    more = {"default": SLOW, "x-more": SLOW, "enum": [SLOW], "$defs": {}}
    assert "where no schema of theirs is" in reason(properties={"x": {"$ref": place}}, **more)


@pytest.mark.parametrize("place", ["#", "#/%24defs/a", "#/definitions/a~1b", "#/properties/x/items"])
def test_a_reference_to_a_schema_of_the_tools_own_is_followed(place: str) -> None:
    own: dict[str, Any] = {"$defs": {"a": {}}, "definitions": {"a/b": {}}}
    assert parameters(properties={"x": {"items": {}}, "y": {"$ref": place}}, **own)["properties"]["y"] == {
        "$ref": place
    }


def test_what_holds_more_references_or_entries_than_anyone_needs_is_left_out() -> None:
    assert "more than 48 references" in reason(properties={f"p{n}": {"$ref": "#"} for n in range(49)})
    assert "1,001 entries" in reason(properties={"x": {"enum": [*range(1001)]}})


@pytest.mark.parametrize("name", ["default", "enum", "const", "examples", "title", "description", "pattern", "$ref"])
def test_a_property_is_read_as_one_even_where_it_has_the_name_of_a_keyword(name: str) -> None:
    read_back = parameters(properties={name: {"type": "string", "description": "a\nb\x1b"}})
    assert read_back["properties"] == {name: {"type": "string", "description": "a b"}}


def test_a_name_that_a_template_could_take_for_its_own_sign_is_refused() -> None:
    assert "the name" in reason(properties={"<|im_end|>": {}})
    assert "the name" in reason(required=["<|im_end|>"])
    assert "the name" in reason(properties={"x": {"$ref": "#"}}, **{"$defs": {"[INST]": {}}})


@pytest.mark.parametrize("schema", [5, "http://[bad", {"a": 1}, "https://json-schema.org/draft/none"])
def test_a_schema_that_says_to_be_of_no_known_kind_costs_that_tool_at_most(schema: Any) -> None:
    offered, left_out = read(tool({"$schema": schema}, "odd"), tool({}, "fine"))
    assert "mcp.own.fine" in [each.name for each in offered]
    assert len(offered) + len(left_out) == 2


def test_an_older_kind_of_schema_is_read_as_what_it_is() -> None:
    older = {"$schema": "http://json-schema.org/draft-04/schema#"}
    limits = {"n": {"minimum": 0, "exclusiveMinimum": True}}
    assert parameters(properties=limits, **older)["properties"] == limits


def test_whatever_comes_of_a_description_costs_that_tool_and_no_other() -> None:
    deep: dict[str, Any] = {}
    for _ in range(2000):
        deep = {"not": deep}
    offered, left_out = read(tool(deep, "deep"), tool({}, "fine"))
    assert [each.name for each in offered] == ["mcp.own.fine"]
    assert len(left_out) == 1


def test_ten_thousand_flaws_are_told_in_a_few_lines() -> None:
    offered, left_out = read(*(tool({}, f"ill named {number}") for number in range(10_000)), tool({}, "fine"))
    assert [each.name for each in offered] == ["mcp.own.fine"]
    assert len(left_out) == 21
    assert left_out[-1] == "9,980 more, for reasons such as these"


def test_a_list_that_has_not_changed_is_not_checked_again() -> None:
    def large(number: int) -> mcp_types.Tool:
        return tool({"properties": {f"p{number}_{n}": {"type": "string"} for n in range(400)}}, f"large{number}")

    def seconds() -> float:
        began = time.perf_counter()
        assert len(read(*(large(number) for number in range(3)))[0]) == 3
        return time.perf_counter() - began

    first = seconds()
    assert seconds() < first / 5


def test_a_server_with_many_large_schemas_is_not_checked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DESCRIBED, "LONGEST_CHECK_SECONDS", 0.0)
    offered, left_out = read(*(tool({"properties": {f"q{n}": {}}}, f"t{n}") for n in range(100)))
    assert len(offered) < 100
    assert "to check those before took" in left_out[-1]
