"""Source code: the text as it is, with what it defines at its outermost level as headings."""

from __future__ import annotations

import re

from mdsa_server.knowledge.formats.characters import one_line
from mdsa_server.vocabulary.documents import Heading, ReadDocument

SUFFIX = re.compile(
    r"\.(?:pyi?|[mc]?js|jsx|tsx?|java|kts?|scala|go|rs|c|cc|cpp|cxx|h|hpp|cs|swift|rb|php|lua|p[lm]|sh|bash|zsh|ps1|r|jl"
    r"|hs|ml|exs?|erl|clj|dart|zig|nim|sql|vue|svelte)"
)
MODIFIERS = (
    "export|default|async|pub|public|private|protected|internal|static|final|abstract|sealed|data|open|partial"
    "|unsafe|override|inline|declare|const"
)
KINDS = (
    "def|class|function|func|fn|fun|sub|struct|enum|trait|impl|interface|module|defmodule|namespace|object|record"
    "|protocol|extension|actor|type|mod"
)
# One rule for all languages that begin a definition with a word for its kind. Those that do not, as C, have none.
DEFINITION = re.compile(
    rf"^(?:(?:{MODIFIERS})(?:\([a-z]+\))?[ ]+)*"
    rf"(?P<kind>{KINDS})\b[ *]*(?:<[^>\n]*>)?[ ]*(?:\([^)\n]*\)[ ]*)?(?P<name>[A-Za-z_$][\w$]*(?:(?:\.|::)\w+)*)",
    re.MULTILINE,
)
TABLE = re.compile(
    r"^create[ ]+(?:or[ ]+replace[ ]+)?(?P<kind>table|view|function|procedure|trigger)[ ]+(?P<name>[\w.\"]+)",
    re.MULTILINE | re.IGNORECASE,
)
# Comments and decorators above a definition belong to it.
ABOVE = ("@", "#", "//", "/*", " *", "*/", "--", "[")


def read_source_code(text: str, file_name: str) -> ReadDocument:
    """The title is the file's name with its suffix: it tells the language."""
    rule = TABLE if file_name.lower().endswith(".sql") else DEFINITION
    headings: list[Heading] = []
    for found in rule.finditer(text):
        start = _above(text, found.start(), headings[-1].start + 1 if headings else 0)
        headings.append(Heading(start, 1, one_line(f"{found['kind'].lower()} {found['name']}")))
    return ReadDocument(title=file_name, text=text, type="code", headings=tuple(headings))


def _above(text: str, start: int, least: int) -> int:
    """Go up over the lines that belong to the definition at `start`, but not above `least`."""
    while (before := text.rfind("\n", 0, max(start - 1, 0)) + 1) >= least and before < start:
        if not text.startswith(ABOVE, before):
            break
        start = before
    return start
