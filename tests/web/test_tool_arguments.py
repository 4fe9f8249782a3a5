"""What a person writes in a tool's form becomes arguments, or a fault at the field that is wrong."""

from typing import Any

import pytest

from mdsa_server.web.tool_arguments import arguments_of
from mdsa_server.web.tool_form import fields_of

SCHEMAS: dict[str, Any] = {
    "text": {"type": "string"},
    "whole": {"type": "integer"},
    "number": {"type": "number"},
    "day": {"type": "string", "format": "date"},
    "moment": {"type": "string", "format": "date-time"},
    "choice": {"enum": ["red", 1, None]},
    "maybe": {"type": "boolean"},
    "lines": {"type": "array", "items": {"type": "string"}},
    "json": {"type": "object"},
}


def read(name: str, text: str, *, required: bool = False) -> tuple[Any, str | None]:
    """Give the argument and the fault of one field."""
    parameters = {"properties": {name: SCHEMAS[name]}, "required": [name] if required else []}
    arguments, faults = arguments_of(fields_of(parameters), {f"argument.{name}": text})
    return arguments.get(name, "left out"), faults.get(f"argument.{name}")


@pytest.mark.parametrize(
    ("name", "text", "argument"),
    [
        ("text", " as it is ", " as it is "),
        ("text", "two\r\nlines", "two\nlines"),
        ("text", " ", " "),
        ("whole", "-3", -3),
        ("whole", " 7 ", 7),
        ("number", "1.50", 1.5),
        ("number", "2", 2),
        ("number", "1e3", 1000.0),
        ("day", "2024-05-31", "2024-05-31"),
        ("moment", " 2024-05-31T14:30:00Z", "2024-05-31T14:30:00+00:00"),
        ("moment", "2024-05-31 14:30", "2024-05-31T14:30:00"),
        ("choice", '"red"', "red"),
        ("choice", "1", 1),
        ("choice", "null", None),
        ("maybe", "false", False),
        ("lines", "a\r\n\r\n b \r\n", ["a", " b "]),
        ("json", '{"a": [1, null]}', {"a": [1, None]}),
    ],
)
def test_what_is_written_becomes_an_argument_of_its_kind(name: str, text: str, argument: Any) -> None:
    found, fault = read(name, text)
    assert fault is None
    assert found == argument
    assert type(found) is type(argument)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("whole", "1.5", "whole number"),
        ("moment", "tomorrow at noon", "no date and time such as 2024-05-31T14:30:00Z"),
        ("whole", "9" * 5000, "whole number"),
        ("number", "many", "no number"),
        ("number", "nan", "no number"),
        ("number", "1e999", "no number"),
        ("number", "--5", "no number"),
        ("day", "31.5.2024", "2024-05-31"),
        ("choice", "red", "none of the choices"),
        ("choice", '"green"', "none of the choices"),
        ("json", '{"a": 1', "line 1, column 8"),
        ("json", '{"a": NaN}', "NaN is no number"),
        ("json", '"\\ud800"', "surrogate"),
        ("json", "[" * 100_000, "nested too deeply"),
    ],
)
def test_what_no_argument_can_be_made_of_is_a_fault_of_its_field(name: str, text: str, told: str) -> None:
    found, fault = read(name, text)
    assert found == "left out"
    assert fault is not None
    assert told in fault


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_is_left_empty_is_left_out_unless_it_is_needed(name: str) -> None:
    assert read(name, "") == ("left out", None)
    found, fault = read(name, "", required=True)
    expected: dict[str, tuple[Any, str | None]] = {"lines": ([], None), "maybe": (True, None)}
    assert (found, fault) == expected.get(name, ("left out", "This is needed."))


def test_a_flag_is_yes_or_no_by_whether_it_is_sent() -> None:
    fields = fields_of({"properties": {"flag": {"type": "boolean", "default": True}}})
    assert arguments_of(fields, {"argument.flag": "on"}) == ({"flag": True}, {})
    assert arguments_of(fields, {}) == ({"flag": False}, {})


def test_what_must_be_said_and_may_be_null_is_null_when_empty() -> None:
    fields = fields_of({"properties": {"it": {"type": ["string", "null"]}}, "required": ["it"]})
    assert arguments_of(fields, {"argument.it": ""}) == ({"it": None}, {})


def test_arguments_that_no_field_is_for_are_written_as_one_object_and_fields_count_more() -> None:
    fields = fields_of({"properties": {"a": {"type": "integer"}}, "additionalProperties": True})
    assert arguments_of(fields, {"argument.a": "1", "arguments": '{"a": 2, "b": 3}'}) == ({"a": 1, "b": 3}, {})
    assert arguments_of(fields, {"arguments": "[1]"})[1]["arguments"].startswith("This is no JSON object")
    assert arguments_of(fields, {"arguments": ""}) == ({}, {})


def test_every_field_that_is_wrong_is_told() -> None:
    fields = fields_of({"properties": SCHEMAS, "required": ["text"]})
    faults = arguments_of(fields, {"argument.whole": "x", "argument.json": "x"})[1]
    assert set(faults) == {"argument.text", "argument.whole", "argument.json"}
