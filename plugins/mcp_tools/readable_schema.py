"""The parameters of an MCP server's tool, read keyword by keyword: no others are kept, and words are cleaned."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from mdsa_server.plugin_api import PluginFault

from .words import one_line

MOST_REFERENCES = 48
MOST_ENTRIES = 1_000
"""In one list: that all of them differ takes the square of it to find out."""
LONGEST_WORDS = 1_000
# Names reach the model as they are, so that nothing in them can be a template's sign for a new message.
NAME = re.compile(r"[^\s<>\[\]{}|｜]{1,100}")

WORDS = frozenset(("description", "title"))
# Data of the server's. `pattern` and `patternProperties` are not here, nor below: one can take for ever to match.
DATA = frozenset(("const", "default", "enum", "examples"))
KINDS = frozenset(("type", "format", "required", "uniqueItems", "deprecated", "readOnly", "writeOnly"))
BOUNDS = frozenset(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"))
SIZES = frozenset(f"{end}{what}" for end in ("min", "max") for what in ("Length", "Items", "Contains", "Properties"))
REST = frozenset(("additionalItems", "additionalProperties", "unevaluatedItems", "unevaluatedProperties"))
ONE = REST | {"contains", "else", "if", "items", "not", "propertyNames", "then"}
SEVERAL = frozenset(("allOf", "anyOf", "items", "oneOf", "prefixItems"))
NAMED = frozenset(("$defs", "definitions", "properties"))


def readable(schema: Any) -> Any:
    """Give the known keywords of a schema. Raises PluginFault where it leads elsewhere or is too much."""
    reading = _Reading()
    read = reading.schema(schema, "#")
    if isinstance(schema, dict) and "$schema" in schema:
        read["$schema"] = schema["$schema"]
    for reference in reading.references:
        if unquote(reference) not in reading.places:
            raise PluginFault(f"its parameters refer to {one_line(reference, 100)}, where no schema of theirs is")
    return read


class _Reading:
    """Keeps where schemas were found and what they refer to."""

    def __init__(self) -> None:
        self.places: set[str] = set()
        self.references: list[str] = []

    def schema(self, schema: Any, place: str) -> Any:
        """Read what stands where a schema should; what is none is left for the check of the whole to find."""
        if not isinstance(schema, dict):
            return schema
        self.places.add(place)
        read = {key: self._keyword(key, value, place) for key, value in schema.items() if key in KEYWORDS}
        if "$ref" in read:
            self._refer(read["$ref"])
        if isinstance(names := read.get("required"), list):
            for name in names:
                _named(name)
        return read

    def _keyword(self, key: str, value: Any, place: str) -> Any:
        if isinstance(value, list):
            if len(value) > MOST_ENTRIES:
                raise PluginFault(f"{key!r} in its parameters has {len(value):,} entries, not {MOST_ENTRIES:,} at most")
            if key in SEVERAL:
                return [self.schema(part, f"{place}/{key}/{number}") for number, part in enumerate(value)]
        if key in NAMED and isinstance(value, dict):
            return {_named(name): self.schema(part, f"{place}/{key}/{_escaped(name)}") for name, part in value.items()}
        if key in WORDS and isinstance(value, str):
            return one_line(value, LONGEST_WORDS)
        return self.schema(value, f"{place}/{key}") if key in ONE else value

    def _refer(self, reference: Any) -> None:
        if not isinstance(reference, str):
            raise PluginFault("its parameters hold a $ref that is no text")
        if not reference.startswith("#"):
            raise PluginFault(f"its parameters refer to {one_line(reference, 100)}, and nothing is fetched")
        self.references.append(reference)
        if len(self.references) > MOST_REFERENCES:
            raise PluginFault(f"its parameters hold more than {MOST_REFERENCES} references")


KEYWORDS = WORDS | DATA | KINDS | BOUNDS | SIZES | ONE | SEVERAL | NAMED | {"$ref"}


def _named(name: Any) -> Any:
    if isinstance(name, str) and not (NAME.fullmatch(name) and name.isprintable()):
        raise PluginFault(
            f"its parameters hold the name {one_line(name, 50)!r}: one has at most 100 characters, no space or bracket"
        )
    return name


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
