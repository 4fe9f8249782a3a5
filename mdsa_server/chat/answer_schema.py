"""The JSON schemas that a model's answer is held to, made of a tool's. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Any

# Of a schema, what engines' grammars understand. What is left out is checked when the call is made.
UNDERSTOOD = {"type", "properties", "required", "items", "enum", "const", "anyOf", "oneOf", "$ref", "$defs"}
UNDERSTOOD |= {"minimum", "maximum", "format", "additionalProperties"}
FORMATS = frozenset(("date", "time", "date-time", "uuid"))
LONGEST_TEXT = 400
MOST_ITEMS = 16

# A text to be copied has at most so many words, and a message so many such texts.
COPIED_WORDS = 8
MOST_COPIED = 240
MOST_DIGITS = 20
NUMBER = re.compile(r"(?<![\w.-])-?\d+(?:\.\d+)?(?![\w-])")
DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
AROUND = " .,;:!?\"'()[]“”‘’«»"


def within_grammar(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Give what of a schema an engine can hold an answer to, every text and list in it bounded, so that it ends."""
    kept = {key: value for key, value in schema.items() if key in UNDERSTOOD}
    if kept.get("format") not in FORMATS:
        kept.pop("format", None)
    for key in ("properties", "$defs"):
        if isinstance(kept.get(key), Mapping):
            kept[key] = {name: within_grammar(_as_object(part)) for name, part in kept[key].items()}
    for key in ("anyOf", "oneOf"):
        if isinstance(kept.get(key), list):
            kept[key] = [within_grammar(_as_object(part)) for part in kept[key]]
    if isinstance(kept.get("items"), Mapping):
        kept["items"] = within_grammar(kept["items"])
    kinds = kept.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if "string" in kinds and kept.keys().isdisjoint(("enum", "const", "format")):
        kept["maxLength"] = LONGEST_TEXT
    if "array" in kinds:
        kept["maxItems"] = MOST_ITEMS
    if "object" in kinds and "properties" in kept:
        kept["additionalProperties"] = False
    return kept


def _as_object(schema: Any) -> Mapping[str, Any]:
    """Give a schema as an object: `true` allows anything, and so does `false` here, which is checked at the call."""
    return schema if isinstance(schema, Mapping) else {}


def required_only(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Give an object's schema without what need not be said."""
    required = schema.get("required", ())
    kept = {name: part for name, part in schema.get("properties", {}).items() if name in required}
    return {**schema, "properties": kept}


def copied_from(message: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Have texts, numbers and dates of an object be ones that stand in the message, where there are any of the kind.

    A model that makes things up is left no other choice but which of them. What is told apart by other means, such as
    an enumeration, stays as it is.
    """
    texts, dates = list(_texts(message)), DATE.findall(message)
    numbers = [number for number in NUMBER.findall(message) if len(number) <= MOST_DIGITS]

    def copied(part: Any) -> Any:
        if not isinstance(part, Mapping) or "enum" in part or "const" in part:
            return part
        match part.get("type"), part.get("format"):
            case "string", "date" if dates:
                return {"type": "string", "enum": list(dict.fromkeys(dates))}
            case "string", None if texts:
                return {"type": "string", "enum": texts}
            case "integer", _ if whole := _within(part, [int(number) for number in numbers if "." not in number]):
                return {"type": "integer", "enum": whole}
            case "number", _ if fitting := _within(part, list(map(float, numbers))):
                return {"type": "number", "enum": fitting}
            case _:
                return part

    return {**schema, "properties": {name: copied(part) for name, part in schema.get("properties", {}).items()}}


def _within(schema: Mapping[str, Any], numbers: Sequence[float]) -> list[float]:
    """Give the numbers that a schema allows, each once."""
    low, high = schema.get("minimum", -inf), schema.get("maximum", inf)
    return [number for number in dict.fromkeys(numbers) if low <= number <= high]


def _texts(message: str) -> Iterator[str]:
    """Give the runs of words of a message, short ones first, with and without the marks around them; each once."""
    words = message.split()
    seen: set[str] = set()
    for length in range(1, min(COPIED_WORDS, len(words)) + 1):
        for start in range(len(words) - length + 1):
            run = " ".join(words[start : start + length])
            for text in (run.strip(AROUND), run):
                if text and text not in seen and len(text) <= LONGEST_TEXT:
                    seen.add(text)
                    yield text
                    if len(seen) >= MOST_COPIED:
                        return
