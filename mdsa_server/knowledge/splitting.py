"""Splitting a document into pieces: along its headings first, then at the best places within each section."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, cast

from semchunk.semchunk import chunk

from mdsa_server.knowledge.embedded_text import in_context
from mdsa_server.knowledge.token_count import Count
from mdsa_server.vocabulary.documents import Heading, Piece, ReadDocument

CONTEXT_SHARE = 4
"""One part in so many of a passage is the most that its title and headings take."""
TINY_SHARE = 4
"""A section with less than one part in so many of a passage is tiny, and may share one with its neighbours."""
WINDOW_CHARS = 20_000
"""Longer texts are cut before they are split: semchunk's recursion is as deep as there are lengths of white space."""
LEAST_ROOM = 4
"""Tokens: what a single character may need, with the marks around it, is about that."""


class Section(NamedTuple):
    """A stretch of the text and the headings above it."""

    start: int
    body: int
    """Where it goes on after the line of its heading; its end where nothing follows, its start without a heading."""
    end: int
    path: tuple[str, ...]

    @property
    def bare(self) -> bool:
        return self.body == self.end


def fitting_title(title: str, count_tokens: Count, most: int) -> str:
    """Cut a title, so that it takes no more than half of what title and headings may take of a passage."""
    return _cut(title, lambda text: count_tokens(text) <= most // CONTEXT_SHARE // 2)


def split(document: ReadDocument, count_tokens: Count, most: int) -> tuple[Piece, ...]:
    """Give pieces in order that cover all but white space and do not overlap, each of at most `most` tokens.

    A first heading that says what the title says is left out of theirs. Counted are those of `in_context`, with the
    title as `fitting_title` cuts it. The count must not be less for a
    longer text than for what is its beginning. `most` below 16 leaves no room for anything.
    """
    title = fitting_title(document.title, count_tokens, most)

    def fits(text: str, path: Sequence[str]) -> bool:
        return count_tokens(in_context(title, path, text)) <= most

    def bounded(path: Sequence[str]) -> tuple[str, ...]:
        below = path[1:] if path[:1] == (document.title,) else path
        return _bounded(below, lambda part: count_tokens(in_context(title, part, "")) <= most // CONTEXT_SHARE)

    def is_tiny(section: Section) -> bool:
        return count_tokens(document.text[section.start : section.end]) * TINY_SHARE < most

    pieces = []
    for section in _joined(document.text, _sections(document), fits, is_tiny, bounded):
        for start, end in _parts(document.text, section, count_tokens, fits, most, title):
            page = bisect_right(document.pages, start) or None
            pieces.append(Piece(start=start, end=end, heading=section.path, page=page))
    return tuple(pieces)


def _sections(document: ReadDocument) -> Iterator[Section]:
    """Give what stands before the first heading, and what each heading begins, up to the next."""
    above: list[Heading] = []
    text, begun = document.text, 0
    for heading in (*document.headings, Heading(len(text), 1, "")):
        if found := _trimmed(text, begun, heading.start):
            body = _after_heading(text, *found, above[-1].text) if above else found[0]
            yield Section(found[0], body, found[1], tuple(each.text for each in above))
        above = [each for each in above if each.level < heading.level] + [heading]
        begun = heading.start


def _after_heading(text: str, start: int, end: int, heading: str) -> int:
    # By their letters, because of the marks that make it a heading.
    if end - start < 2 * len(heading) + 20 and _letters(text[start:end]) == _letters(heading):
        return end
    return max(text.find("\n", start, end), start)


def _letters(text: str) -> str:
    return "".join(character for character in text if character.isalnum())


def _joined(
    text: str,
    sections: Iterable[Section],
    fits: Callable[[str, Sequence[str]], bool],
    is_tiny: Callable[[Section], bool],
    bounded: Callable[[Sequence[str]], tuple[str, ...]],
) -> Iterator[Section]:
    """Join tiny sections with their neighbours below the same parent, where they fit into one passage.

    What is joined has the headings that are common to it; a heading with nothing below it takes those of what follows.
    """
    at_hand: Section | None = None
    outermost = 0
    for section in sections:
        if at_hand is not None:
            common = section.path if at_hand.bare else _common(at_hand.path, section.path)
            below = len(section.path) > outermost and section.path[:outermost] == at_hand.path[:outermost]
            body = section.body if at_hand.bare else at_hand.body
            joined = Section(at_hand.start, body, section.end, common)
            # A heading alone would be found by its words, and then say nothing.
            announced = at_hand.bare and not section.bare
            small = announced or is_tiny(section) or is_tiny(at_hand)
            if below and small and (announced or fits(text[joined.start : joined.end], bounded(common))):
                at_hand = joined
                continue
            yield at_hand._replace(path=bounded(at_hand.path))
        at_hand, outermost = section, max(len(section.path) - 1, 0)
    if at_hand is not None:
        yield at_hand._replace(path=bounded(at_hand.path))


def _common(one: Sequence[str], other: Sequence[str]) -> tuple[str, ...]:
    same = 0
    while same < min(len(one), len(other)) and one[same] == other[same]:
        same += 1
    return tuple(one[:same])


def _bounded(path: Sequence[str], fits: Callable[[Sequence[str]], bool]) -> tuple[str, ...]:
    """Give the innermost headings that fit; the innermost itself is cut if it must be."""
    if not path:
        return ()
    innermost = _cut(path[-1], lambda text: fits([text]))
    kept: tuple[str, ...] = (innermost,) if innermost else ()
    for heading in reversed(path[:-1]) if innermost == path[-1] else ():
        if not fits((heading, *kept)):
            break
        kept = (heading, *kept)
    return kept


def _cut(text: str, fits: Callable[[str], bool]) -> str:
    """Give the text, or as much of its beginning as fits; nothing where not even one character does."""
    if fits(text):
        return text
    low, high = 0, min(len(text), 1000)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(f"{text[:middle]}…") else (low, middle - 1)
    return f"{text[:low].rstrip()}…" if low else ""


def _parts(
    text: str,
    section: Section,
    count_tokens: Count,
    fits: Callable[[str, Sequence[str]], bool],
    most: int,
    title: str,
) -> Iterator[tuple[int, int]]:
    """Give the starts and ends of a section's pieces."""
    if fits(text[section.start : section.end], section.path):
        yield section.start, section.end
        return
    room = max(most - count_tokens(in_context(title, section.path, "")), LEAST_ROOM)
    body = section.body
    if body > section.start:
        heading = count_tokens(text[section.start : body].strip())
        body, room = (body, room - heading) if heading * TINY_SHARE <= room else (section.start, room)
    begun = section.start
    for window_start, window_end in _windows(text, body, section.end):
        found = chunk(text[window_start:window_end], room, count_tokens, memoize=False, offsets=True)
        for start, end in cast(tuple[list[str], list[tuple[int, int]]], found)[1]:
            if within := _trimmed(text, window_start + start, window_start + end):
                # The first one begins with the heading, which would say nothing alone.
                yield from _halves(text, min(begun, within[0]), within[1], lambda part: fits(part, section.path))
                begun = section.end


def _windows(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut at the last white space of each window: at the end of a paragraph, a line, a word, or anywhere."""
    while end - start > WINDOW_CHARS:
        least, limit = start + WINDOW_CHARS // 2, start + WINDOW_CHARS
        places = (text.rfind(mark, least, limit) for mark in ("\n\n", "\n", " "))
        cut = next((place for place in places if place >= 0), limit)
        yield start, cut
        start = cut
    yield start, end


def _halves(text: str, start: int, end: int, fits: Callable[[str], bool]) -> Iterator[tuple[int, int]]:
    """Give what fits as it is, else halves of it: a tokenizer may count two parts together as more than each alone."""
    if end - start < 2 or fits(text[start:end]):
        yield start, end
        return
    middle = (start + end) // 2
    for left, right in ((start, middle), (middle, end)):
        if found := _trimmed(text, left, right):
            yield from _halves(text, *found, fits)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Take the white space off both ends; None where nothing is left."""
    part = text[start:end]
    start += len(part) - len(part.lstrip())
    end -= len(part) - len(part.rstrip())
    return (start, end) if start < end else None
