"""A tool is chosen by the words it shares with the message; the model fills in what is required."""

from typing import Any

import pytest

from mdsa_server.embedded_ollama.tool_use import arguments_prompt, chosen_tool, closed, told_results


def tool(name: str, description: str, **parameters: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": parameters, "required": list(parameters)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


TOOLS = [
    tool("calculator", "Work out an arithmetic expression", expression={"type": "string"}),
    tool("clock", "Tell the current date and time"),
    tool("get_weather", "Get the weather of a city", city={"type": "string"}),
]


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("Use the calculator for 12 * 7, please.", "calculator"),
        ("What time is it?", "clock"),
        ("What is the weather in Paris?", "get_weather"),
        ("Which city has the best weather at this time?", "get_weather"),
        ("Tell me a joke.", None),
        ("What is the capital of France?", None),
        ("", None),
    ],
)
def test_the_tool_that_shares_most_words_is_called(message: str, name: str | None) -> None:
    chosen = chosen_tool([{"role": "user", "content": message}], TOOLS)
    assert (chosen["name"] if chosen else None) == name


def test_no_tool_is_called_once_there_is_a_result() -> None:
    messages = [{"role": "user", "content": "What time is it?"}, {"role": "tool", "content": "noon"}]
    assert chosen_tool(messages, TOOLS) is None


def test_results_are_told_in_the_order_they_came() -> None:
    results = [
        {"role": "tool", "tool_name": "clock", "content": "noon"},
        {"role": "tool", "tool_name": "calculator", "content": "84"},
    ]
    messages = [{"role": "user", "content": "When, and what?"}, *results]
    assert told_results(messages) == "The clock says: noon\nThe calculator says: 84"


def test_long_results_are_left_to_the_model() -> None:
    assert told_results([{"role": "tool", "content": "word " * 200}]) is None
    assert told_results([{"role": "user", "content": "Hi"}]) is None


def test_a_schema_is_narrowed_to_what_is_required_all_the_way_down() -> None:
    schema = {
        "type": "object",
        "properties": {
            "place": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "zip": {"type": "string"}},
                "required": ["city"],
            },
            "unit": {"type": "string"},
        },
        "required": ["place"],
    }
    narrowed = closed(schema)
    assert narrowed["properties"].keys() == {"place"}
    assert narrowed["properties"]["place"]["properties"].keys() == {"city"}
    assert narrowed["additionalProperties"] is False


def test_the_model_is_asked_for_the_required_arguments_by_name() -> None:
    prompt = arguments_prompt("What is the weather in Paris?", TOOLS[2]["function"])
    assert prompt.endswith("what get_weather needs: city<|im_end|>\n<|im_start|>assistant\n")
