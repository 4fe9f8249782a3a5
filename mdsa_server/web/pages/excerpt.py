"""The part of a passage that a search is likeliest about, its words marked."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

from mdsa_server.vocabulary.passages import Passage
from mdsa_server.web.pages.passage_view import heading_apart
from mdsa_server.web.pages.stages import Score, scores_shown

EXCERPT_CHARS = 400
# What stands before the first word that was looked for.
BEFORE_CHARS = 60
# Of a title as a narrow list shows it.
BEFORE_TITLE_CHARS = 16
# Shorter ones are mostly words that stand in any text.
WORD_CHARS = 4
MOST_WORDS = 32


class Part(NamedTuple):
    text: str
    marked: bool


class Hit(Struct, frozen=True):
    """A passage that was found, what of its text is shown, and its scores."""

    passage: Passage
    parts: tuple[Part, ...]
    scores: list[Score]


def hit(passage: Passage, query: str, found: Sequence[Passage]) -> Hit:
    """Show a passage that a query found, as one of all that it `found`."""
    begins = passage.parts[0].heading if passage.parts else passage.heading
    _, text = heading_apart(passage.text, (passage.title, *begins)[-1])
    return Hit(passage, excerpt(" ".join(text.split()), query), scores_shown(passage, found))


def occurrences(text: str, sought: str) -> tuple[Part, ...]:
    """Mark where a short text holds what is sought, in any case; its beginning goes where that would stand late."""
    found = list(re.finditer(re.escape(sought), text, re.IGNORECASE)) if sought else []
    at = max(found[0].start() - BEFORE_TITLE_CHARS, 0) if found else 0
    parts = [Part("… ", False)] if at else []
    for match in found:
        parts += [Part(text[at : match.start()], False), Part(match[0], True)]
        at = match.end()
    parts.append(Part(text[at:], False))
    return tuple(part for part in parts if part.text)


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
