"""What a model's answer is held to: whatever fits it fits the tool, and it comes to an end."""

from __future__ import annotations

import json
from datetime import date
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from benchmarks.tool_tasks import TASKS, TOOLS, Task
from mdsa_server.chat.answer_schema import copied_from, required_only, within_grammar
from mdsa_server.plugin_api import Tool, ToolCall
from tests.chat.conftest import GENERAL

CALL = ToolCall(domain=GENERAL, caller="local", conversation=None)


def book(
    name: str,
    day: date,
    seats: int,
    price: float,
    window: bool,
    meal: Literal["fish", "none"],
    tags: list[str] | None = None,
    note: str = "",
) -> str:
    """Book seats."""
    return name


BOOK = Tool(book)
MESSAGE = "Book 2 seats for Ann Lee on 2026-03-14, at 12.50 each: fish, please!"


def test_texts_numbers_and_dates_are_taken_from_the_message_and_all_else_stays_open() -> None:
    parts = copied_from(MESSAGE, within_grammar(BOOK.parameters))["properties"]
    assert parts["day"]["enum"] == ["2026-03-14"]
    assert parts["seats"]["enum"] == [2]
    assert parts["price"]["enum"] == [2.0, 12.5]
    assert "Ann Lee" in parts["name"]["enum"]
    assert parts["window"] == {"type": "boolean"}
    assert parts["meal"]["enum"] == ["fish", "none"]


def test_where_the_message_has_none_of_a_kind_it_stays_open() -> None:
    parts = copied_from("Book a seat", within_grammar(BOOK.parameters))["properties"]
    assert parts["seats"] == {"type": "integer"}
    assert parts["day"] == {"type": "string", "format": "date"}


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.message[:40])
def test_the_right_arguments_of_every_task_stand_in_its_message(task: Task) -> None:
    (tool,) = [tool for tool in TOOLS if tool.name == task.tool]
    schema = copied_from(task.message, within_grammar(tool.parameters))
    assert list(Draft202012Validator(schema).iter_errors(task.arguments)) == []
    tool.bind(task.arguments, CALL)


def test_only_what_is_required_can_be_asked_for() -> None:
    kept = required_only(BOOK.parameters)
    assert set(kept["properties"]) == {"name", "day", "seats", "price", "window", "meal"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
SCHEMAS = st.recursive(
    st.sampled_from(["string", "integer", "number", "boolean", "null"]).map(lambda kind: {"type": kind})
    | st.just({"type": "string", "pattern": "^a+$", "maxLength": 3})
    | st.just({"enum": ["a", 1, None]}),
    lambda inner: st.one_of(
        inner.map(lambda part: {"type": "array", "items": part, "uniqueItems": True}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"anyOf": parts}),
        st.dictionaries(st.text(max_size=5), inner, max_size=3).map(
            lambda parts: {"type": "object", "properties": parts, "additionalProperties": False, "title": "x"}
        ),
    ),
    max_leaves=6,
)


@given(SCHEMAS, JSON)
def test_what_fits_a_schema_within_bounds_fits_what_a_model_is_held_to(schema: Any, value: Any) -> None:
    held = within_grammar(schema)
    json.dumps(held)
    Draft202012Validator.check_schema(held)
    if Draft202012Validator(schema).is_valid(value):
        assert Draft202012Validator(held).is_valid(value)


@given(st.text(max_size=300))
def test_any_message_gives_a_bounded_schema(message: str) -> None:
    schema = copied_from(message, within_grammar(BOOK.parameters))
    Draft202012Validator.check_schema(schema)
    assert len(schema["properties"]["name"].get("enum", ())) <= 240


def test_a_long_message_still_gives_its_short_texts() -> None:
    message = "word " * 60 + "what time is it in Tokyo"
    assert "Tokyo" in copied_from(message, within_grammar(BOOK.parameters))["properties"]["name"]["enum"]


def test_numbers_beyond_a_parameters_bounds_are_no_choice() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "maximum": 5}}}
    assert copied_from("In 2030 give me 3 names", within_grammar(schema))["properties"]["n"]["enum"] == [3]
    assert copied_from("In 2030", within_grammar(schema))["properties"]["n"] == {"type": "integer", "maximum": 5}
    copied_from("9" * 5000, within_grammar(schema))


def test_what_may_be_anything_stays_and_texts_among_other_kinds_are_bounded() -> None:
    schema = {"type": "object", "properties": {"x": True, "y": {"type": ["string", "null"]}}, "required": ["x"]}
    assert within_grammar(schema)["properties"] == {"x": {}, "y": {"type": ["string", "null"], "maxLength": 400}}
