"""A tool's JSON schema becomes a form that a person can fill in, whatever the schema looks like."""

from typing import Any

import pytest

from mdsa_server.web.tool_form import ToolField, fields_of


def field_of(schema: Any, *, required: bool = False, definitions: dict[str, Any] | None = None) -> ToolField:
    named = {"properties": {"it": schema}, "required": ["it"] if required else []}
    (field,) = fields_of({"type": "object", "$defs": definitions or {}} | named)
    return field


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "string"}, "text"),
        ({"type": "string", "format": "date"}, "date"),
        ({"type": "string", "format": "date-time"}, "datetime"),
        ({"type": "integer"}, "integer"),
        ({"type": "number"}, "number"),
        ({"type": "boolean", "default": False}, "flag"),
        ({"type": "boolean"}, "choice"),
        ({"enum": ["a", "b"]}, "choice"),
        ({"const": 1}, "choice"),
        ({"type": "array", "items": {"type": "string"}}, "lines"),
        ({"type": "array", "items": {"enum": ["a"]}}, "json"),
        ({"type": "array", "items": {"type": "integer"}}, "json"),
        ({"type": "array", "items": [{"type": "string"}]}, "json"),
        ({"type": "array"}, "json"),
        ({"type": "object", "properties": {}}, "json"),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, "json"),
        ({"type": ["string", "integer"]}, "json"),
        ({"type": ["string", "null"]}, "text"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}, "integer"),
        ({"allOf": [{"$ref": "#/$defs/Color"}], "description": "Which"}, "choice"),
        ({"anyOf": [{"$ref": "#/$defs/Color"}, {"type": "null"}]}, "choice"),
        ({"$ref": "#/$defs/circle"}, "json"),
        ({"$ref": "#/$defs/nothing"}, "json"),
        ({"$ref": "http://127.0.0.1:9/schema.json"}, "json"),
        ({}, "json"),
        (True, "json"),
    ],
)
def test_a_field_is_of_the_kind_that_fits_its_schema(schema: Any, kind: str) -> None:
    definitions = {"Color": {"enum": ["red", "blue"]}, "circle": {"$ref": "#/$defs/circle"}}
    assert field_of(schema, definitions=definitions).kind == kind


def test_a_field_says_whether_it_must_be_filled_in() -> None:
    assert field_of({"type": "string"}, required=True).needed
    assert not field_of({"type": "string"}).needed
    assert not field_of({"type": ["string", "null"]}, required=True).needed
    assert not field_of({"type": "array", "items": {"type": "string"}}, required=True).needed, "it may be an empty list"
    assert field_of({"type": "boolean"}, required=True).kind == "flag"


@pytest.mark.parametrize(
    ("schema", "start"),
    [
        ({"type": "string", "default": "UTC"}, "UTC"),
        ({"type": "integer", "default": 0}, "0"),
        ({"type": "number", "default": 1.5}, "1.5"),
        ({"type": "boolean", "default": True}, "on"),
        ({"type": "boolean", "default": False}, ""),
        ({"enum": ["a", 1, None], "default": 1}, "1"),
        ({"enum": ["a"], "default": "a"}, '"a"'),
        ({"enum": ["a"], "default": "gone"}, ""),
        ({"type": "array", "items": {"type": "string"}, "default": ["a", "b"]}, "a\nb"),
        ({"type": "object", "default": {"x": "ö"}}, '{\n  "x": "ö"\n}'),
        ({"type": "string", "default": None}, ""),
        ({"type": "string", "default": 3}, ""),
        ({"type": "integer", "default": "many"}, ""),
    ],
)
def test_a_default_is_filled_in_where_the_field_can_hold_it(schema: Any, start: str) -> None:
    assert field_of(schema).start == start


def test_descriptions_bounds_and_choices_are_shown_also_through_a_reference() -> None:
    number = field_of({"type": "integer", "description": "How many", "minimum": 1, "maximum": 9})
    assert (number.help, number.least, number.most) == ("How many", 1, 9)
    choice = field_of({"$ref": "#/$defs/C", "description": "Which"}, definitions={"C": {"enum": ["red", 1]}})
    assert (choice.help, choice.choices) == ("Which", (('"red"', "red"), ("1", "1")))
    assert field_of({"type": "boolean"}).choices == (("true", "yes"), ("false", "no"))


def test_what_a_schema_takes_without_naming_it_has_a_field_of_its_own() -> None:
    named: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert [field.kind for field in fields_of(named | {"additionalProperties": False})] == ["text"]
    assert [field.kind for field in fields_of(named)] == ["text"]
    others: list[dict[str, Any]] = [
        {"additionalProperties": True},
        {"additionalProperties": {"type": "string"}},
        {"anyOf": [{}]},
    ]
    for more in others:
        assert [field.kind for field in fields_of(named | more)] == ["text", "rest"]


def test_a_tool_without_parameters_has_no_fields() -> None:
    assert fields_of({"type": "object"}) == ()


def test_a_property_may_have_the_name_of_anything_else_in_the_form() -> None:
    properties = {name: {"type": "string"} for name in ("", "tool", "domain", "arguments")}
    keys = [field.key for field in fields_of({"properties": properties, "additionalProperties": True})]
    assert len({*keys, "tool", "domain", "place"}) == len(keys) + 3
