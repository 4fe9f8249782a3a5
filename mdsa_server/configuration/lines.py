"""On which line of a TOML file each key is written.

The parser keeps no lines, so it is asked for one statement at a time.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

KeyPath = tuple[str, ...]


@dataclass(frozen=True)
class Statement:
    """The fewest whole lines that TOML can read: a header, a key with its value, a comment."""

    line: int
    """The first one, counted from 1."""
    text: str
    content: dict[str, Any] | None
    """None where the file ends before the statement does, or it is no TOML at all."""


def statements(text: str) -> Iterator[Statement]:
    """Cut a file into statements; one that cannot be read takes the rest of the file with it."""
    lines = text.split("\n")  # And not splitlines: it also cuts where TOML does not.
    start = 0
    for end in range(1, len(lines) + 1):
        candidate = "\n".join(lines[start:end])
        try:
            content = tomllib.loads(candidate)
        except tomllib.TOMLDecodeError:
            continue
        yield Statement(start + 1, candidate, content)
        start = end
    if start < len(lines):
        yield Statement(start + 1, "\n".join(lines[start:]), None)


def lines_of(text: str) -> dict[KeyPath, int]:
    """Give the first line of every table and key of a valid file, as far down as tables go."""
    found: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for statement in statements(text):
        paths = list(paths_of(statement.content or {}))
        if statement.text.lstrip().startswith("["):
            table = max(paths, key=len)
            inside: KeyPath = ()
        else:
            inside = table
        for path in paths:
            found.setdefault(inside + path, statement.line)
    return found


def paths_of(content: dict[str, Any]) -> Iterator[KeyPath]:
    """Give the path of every table and key inside a table."""
    for key, value in content.items():
        yield (key,)
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value = {}  # A table among many has no name to be found by.
        if isinstance(value, dict):
            for path in paths_of(value):
                yield (key, *path)
