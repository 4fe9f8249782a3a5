"""Who calls a tool wrongly is told what would fit."""

from typing import Any

import pytest

from mdsa_server.web.tool_parameters import MOST_CHOICES, what_it_takes


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"type": "string"}, "it"),
        ({"type": "object"}, "it"),
        ({"enum": ["red", "blue", 3]}, 'it ("red", "blue" or 3)'),
        ({"const": "red"}, 'it ("red")'),
        ({"type": "boolean"}, "it (true or false)"),
        ({"type": "string", "format": "date"}, "it (a date such as 2024-05-31)"),
        ({"type": "string", "format": "date-time"}, "it (a date and time such as 2024-05-31T14:30:00Z)"),
        ({"type": "integer", "minimum": 1, "maximum": 9}, "it (a whole number from 1 to 9)"),
        ({"type": "number", "minimum": 0.5}, "it (a number, 0.5 or more)"),
        ({"type": "number", "maximum": 5}, "it (a number, at most 5)"),
        ({"type": "array", "items": {"type": "string"}}, "it (a list of texts)"),
        ({"enum": list(range(MOST_CHOICES + 5))}, "it (" + ", ".join(map(str, range(MOST_CHOICES))) + " or 5 more)"),
    ],
)
def test_each_parameter_is_named_with_what_fits_it(schema: dict[str, Any], told: str) -> None:
    assert what_it_takes({"properties": {"it": schema}, "required": ["it"]}) == f"It takes: {told}."


def test_what_may_be_left_out_is_told() -> None:
    assert what_it_takes({"properties": {"a": {}, "b": {"type": "integer"}}}) == (
        "It takes: a (optional), b (a whole number; optional)."
    )
    assert what_it_takes({}) == "It takes: nothing."
