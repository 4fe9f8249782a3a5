"""What models and tools write, as text that people can trust: it may hold anything."""

import json
import unicodedata
from collections.abc import Mapping
from typing import Any

VALUE_CHARS = 40
SHORT_CHARS = 120
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories of what steers a terminal, or the order of what is read, in place of being read."""
KEPT = frozenset("\n\t\u00ad\u200c\u200d")
"""Of those, what texts are laid out and spelt with: lines, tabs, hyphens, and the joiners of letters and of emoji."""


def call_in_short(tool: str, arguments: Mapping[str, Any]) -> str:
    """Write a call in a line: `send(to="Ann", text="Dear Ann, …)`."""
    return f"{printable(tool)}({arguments_in_short(arguments)})"


def arguments_in_short(arguments: Mapping[str, Any]) -> str:
    """Write arguments in a line; each is cut, so that a long one does not hide those after it."""
    return _cut(", ".join(f"{printable(name)}={_value(value)}" for name, value in arguments.items()), SHORT_CHARS)


def arguments_in_full(arguments: Mapping[str, Any]) -> str:
    """Write arguments as JSON, whole, a line for each."""
    whole = json.dumps(arguments, ensure_ascii=False, indent=2)
    return "\n".join(map(printable, whole.split("\n")))


def printable(text: str) -> str:
    """Write what would not be seen, or would change how the rest is seen, as an escape: `\\u202e`, `\\x1b`."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def readable(text: str) -> str:
    """Write a text of several lines so that it only says something; what would do more is an escape: `\\x1b`."""
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char) in UNSEEN and char not in KEPT else char
        for char in text.replace("\r\n", "\n")
    )


def _value(value: Any) -> str:
    return _cut(printable(json.dumps(value, ensure_ascii=False)), VALUE_CHARS)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 2]} …"
