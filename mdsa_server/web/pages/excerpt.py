"""The part of a passage that a search is likeliest about, its words marked."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

from mdsa_server.vocabulary.passages import Passage
from mdsa_server.web.pages.passage_view import heading_apart

EXCERPT_CHARS = 400
# What stands before the first word that was looked for.
BEFORE_CHARS = 60
# Shorter ones are mostly words that stand in any text.
WORD_CHARS = 4
MOST_WORDS = 32


class Part(NamedTuple):
    text: str
    marked: bool


class Hit(Struct, frozen=True):
    """A passage that was found, and what of its text is shown."""

    passage: Passage
    parts: tuple[Part, ...]


def hit(passage: Passage, query: str) -> Hit:
    """Show a passage that a query found."""
    begins = passage.parts[0].heading if passage.parts else passage.heading
    _, text = heading_apart(passage.text, (passage.title, *begins)[-1])
    return Hit(passage, excerpt(" ".join(text.split()), query))


def excerpt(text: str, query: str) -> tuple[Part, ...]:
    """Give the part of a text in which most different words of a query stand; its beginning where none do."""
    words = re.findall(r"\w+", query.casefold())
    telling = list(dict.fromkeys(word for word in words if len(word) >= WORD_CHARS))[:MOST_WORDS] or words[:MOST_WORDS]
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, telling))})", re.IGNORECASE) if telling else None
    found = list(pattern.finditer(text)) if pattern else []
    start = _beginning(text, max(_best(found) - BEFORE_CHARS, 0))
    end = len(text) if len(text) - start <= EXCERPT_CHARS else text.rfind(" ", start, start + EXCERPT_CHARS)
    end = end if end > start else start + EXCERPT_CHARS
    parts = [Part("… ", False)] if start else []
    at = start
    for match in found:
        if match.start() >= at and match.end() <= end:
            parts += [Part(text[at : match.start()], False), Part(match[0], True)]
            at = match.end()
    parts += [Part(text[at:end], False), Part(" …" if end < len(text) else "", False)]
    return tuple(part for part in parts if part.text)


def _best(found: Sequence[re.Match[str]]) -> int:
    """Give where the excerpt's first match is: the one that has most different words within reach after it."""
    best, most, last = 0, 0, 0
    for first, match in enumerate(found):
        last = max(last, first)
        while last < len(found) and found[last].end() <= match.start() + EXCERPT_CHARS - BEFORE_CHARS:
            last += 1
        different = len({one[0].casefold() for one in found[first:last][:MOST_WORDS]})
        if different > most:
            best, most = match.start(), different
    return best


def _beginning(text: str, place: int) -> int:
    """Give where the next word begins."""
    return text.find(" ", place) + 1 if place else 0
