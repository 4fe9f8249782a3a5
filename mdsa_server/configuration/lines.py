"""Reading TOML: what a text says, and on which line each key of it is written.

The parser keeps no lines, so it is asked for one statement at a time. Where a statement ends is seen from its
quotes and brackets alone: to try the parser again with each further line costs the square of a long list.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

KeyPath = tuple[str, ...]

DEEPEST = 50
INTEGERS = range(-(2**63), 2**63)

TOKENS = re.compile(
    r"""
    \"{3} (?: [^"\\]++ | \\[\s\S] | "{1,2}(?!") )*+ "{3,5}  # up to two quotes more may end a long string
    | '{3} (?: [^']++ | '{1,2}(?!') )*+ '{3,5}
    | "{3} | '{3}  # one that never ends
    | " (?: [^"\\\n]++ | \\. )*+ "?
    | ' [^'\n]*+ '?
    | [#] [^\n]*+
    | [][{}\n]
    """,
    re.VERBOSE,
)
"""What decides where a statement ends: strings and comments, each whole, brackets and line breaks."""


@dataclass(frozen=True)
class Statement:
    """The fewest whole lines that TOML can read: a header, a key with its value, a comment."""

    line: int
    """The first one, counted from 1."""
    text: str
    content: dict[str, Any] | None
    """None where the file ends before the statement does, or it is no TOML at all."""


def parsed(text: str) -> dict[str, Any]:
    """Read TOML. Raises ValueError where it is none, or says what only a mistake or malice would.

    That is tables in tables in tables, which would end in a RecursionError here or later, and integers of more than
    64 bits, which TOML does not know and Python may refuse to write.
    """
    try:
        content = tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("there are too many brackets within brackets") from error
    waiting: list[tuple[int, Any]] = [(0, content)]
    while waiting:
        depth, value = waiting.pop()
        if depth > DEEPEST:
            raise ValueError(f"there are more than {DEEPEST} tables or lists within each other")
        if isinstance(value, int) and value not in INTEGERS:
            raise ValueError("an integer has more than 64 bits")
        if isinstance(value, dict | list):
            waiting += [(depth + 1, each) for each in (value.values() if isinstance(value, dict) else value)]
    return content


def statements(text: str) -> Iterator[Statement]:
    """Cut a file into statements; one that cannot be read takes the rest of the file with it."""
    line, start = 1, 0
    for end in _ends(text):
        part = text[start:end]
        try:
            content = parsed(part)
        except ValueError:
            break
        yield Statement(line, part, content)
        line += part.count("\n") + 1
        start = end + 1
    if start <= len(text):
        yield Statement(line, text[start:], None)


def _ends(text: str) -> Iterator[int]:
    """Give where lines end that leave no bracket and no string open."""
    depth = 0
    for token in TOKENS.finditer(text):
        match token[0]:
            case "[" | "{":
                depth += 1
            case "]" | "}":
                depth -= 1
            case "\n" if depth <= 0:
                depth = 0
                yield token.start()
            case '"""' | "'''":
                return
    if depth <= 0:
        yield len(text)


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
