"""Tools for a model that cannot use them by itself; DESIGN.md has what was tried.

SmolLM2-135M does not see which tool a message needs, and muddles what a tool has told it. So the tool is
chosen by the words it shares with the message, and a short result is given on as it is. What the model
does is fill in the arguments, under the tool's own schema.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from mdsa_server.embedded_ollama.prompt import rendered

ARGUMENT_TOKENS = 200
# Longer results are for the model to make something of.
SHORT_RESULT_CHARS = 300

# Words that say nothing of what a tool is for. Shorter words than four letters do not count at all.
_COMMON = """about also call could does find from give given have help into make more name need please result return
should show some tell than that their them then there these this tool used user using value want what when where
which will with work would write your"""
COMMON_WORDS = frozenset(_COMMON.split())
# Two examples are enough to show what to do; with none the model talks instead.
EXAMPLES = (
    ("Remind me to buy 3 eggs on Monday, please!", "reminder", ("what", "day"), '{"what":"buy 3 eggs","day":"Monday"}'),
    ("How much is 5 + 6?", "sum", ("expression",), '{"expression":"5 + 6"}'),
    ("Is there a train to Madrid?", "trains", ("city",), '{"city":"Madrid"}'),
)

Tool = Mapping[str, Any]
"""The `function` of an entry in a request's `tools`."""


def chosen_tool(messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]) -> Tool | None:
    """Choose the tool that shares most words with the last message; None where it shares none with any.

    A tool's own name counts double. None too where the last message is not the user's.
    """
    if not messages or messages[-1].get("role") != "user":
        return None
    said = _words(str(messages[-1].get("content") or ""))
    functions = [tool.get("function") or {} for tool in tools]
    best = max(functions, key=lambda function: _shared(said, function), default=None)
    return best if best is not None and _shared(said, best) else None


def told_results(messages: Sequence[Mapping[str, Any]]) -> str | None:
    """Say what tools have just given; None where the conversation does not end with short results."""
    results = list(takewhile(lambda message: message.get("role") == "tool", reversed(messages)))
    told = [f"The {one.get('tool_name') or 'tool'} says: {one.get('content')}" for one in reversed(results)]
    text = "\n".join(told)
    return text if 0 < len(text) <= SHORT_RESULT_CHARS else None


def arguments_prompt(message: str, tool: Tool) -> str:
    """Ask for the tool's arguments, by example. Descriptions are left out: the model copies from them."""
    turns: list[dict[str, str]] = []
    for said, name, names, answer in EXAMPLES:
        turns.append({"role": "user", "content": _request(said, name, names)})
        turns.append({"role": "assistant", "content": answer})
    needed = tuple(closed(tool.get("parameters") or {}).get("properties", {}))
    turns.append({"role": "user", "content": _request(message, str(tool.get("name")), needed)})
    return rendered(turns)


def closed(schema: Any) -> Any:
    """Narrow an object's schema to what is required, all the way down: a small model fills in all it may."""
    if not isinstance(schema, dict) or schema.get("type", "object") != "object":
        return schema
    required = list(schema.get("required") or [])
    properties = schema.get("properties") or {}
    kept = {name: closed(properties[name]) for name in required if name in properties}
    return {**schema, "type": "object", "properties": kept, "required": list(kept), "additionalProperties": False}


def _request(message: str, tool: str, names: Sequence[str]) -> str:
    return f"Message: {message}\nCopy from the message, as JSON, what {tool} needs: {', '.join(names)}"


def _shared(said: set[str], function: Tool) -> int:
    name = _words(str(function.get("name") or ""))
    description = _words(str(function.get("description") or ""))
    return 2 * len(said & name) + len(said & description)


def _words(text: str) -> set[str]:
    """Words of four letters or more, in lower case and without a plural's s."""
    words = set(re.findall(r"[^\W\d_]{4,}", text.lower())) - COMMON_WORDS
    return {word.removesuffix("s") for word in words} - COMMON_WORDS
