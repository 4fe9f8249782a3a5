"""Passages as pages show them: plain text in paragraphs, with the headings and the page where they change."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mdsa_server.store.document_rows import StoredPassage

# Lines at least so long that end in no end of a sentence were broken to fit a page, not for their sense.
WRAPPED_CHARS = 50
# What begins a line of its own: an item of a list, a row of a table, a quotation, a heading.
OWN_LINE = re.compile(r"[-*+>|#=]+(\s|$)|\||\d+[.)]\s|\s")


@dataclass(frozen=True)
class PassageView:
    """A passage to be shown."""

    place: int
    above: tuple[str, ...]
    """The headings it stands below, where they are others than before, without the one that is shown as such."""
    page: int | None
    """Its page, where it is another one than before."""
    heading: str
    """The heading that its text begins with, if it does; the document's title is not said again."""
    paragraphs: tuple[str, ...]


def passages_shown(passages: Iterable[StoredPassage], title: str, type_: str) -> list[PassageView]:
    """Show passages of a document one after the other."""
    shown: list[PassageView] = []
    before: StoredPassage | None = None
    for passage in passages:
        heading, text = heading_apart(passage.text, passage.heading[-1] if passage.heading else title)
        above = passage.heading[:-1] if heading and passage.heading else passage.heading
        if not passage.heading and text.strip():
            heading = ""  # It is the title, which stands above all passages.
        shown.append(
            PassageView(
                place=passage.place,
                above=above if before is None or passage.heading != before.heading else (),
                page=passage.page if before is None or passage.page != before.page else None,
                heading=heading,
                paragraphs=tuple(paragraphs(text) if type_ in ("code", "csv") else map(unwrapped, paragraphs(text))),
            )
        )
        before = passage
    return shown


def heading_apart(text: str, heading: str) -> tuple[str, str]:
    """Give the heading if a text begins with it, as Markdown writes it or bare, and the rest of the text.

    A `heading` that was cut, and so ends in …, is given whole.
    """
    first, _, rest = text.strip().partition("\n")
    told = first.strip("# \t")
    cut = heading.removesuffix("…")
    if heading and (told == heading or (cut != heading and told.startswith(cut))):
        # Markdown may also underline it.
        return told, re.sub(r"\A[=-]{2,}\s*(\n|\Z)", "", rest)
    return "", text


def paragraphs(text: str) -> list[str]:
    """Give what stands between empty lines; lines keep their indents."""
    return [part.strip("\n") for part in re.split(r"\n(?:[^\S\n]*\n)+", text) if part.strip()]


def unwrapped(paragraph: str) -> str:
    """Put lines together that were broken to fit a page; the reader's page has another width."""
    if "```" in paragraph:
        return paragraph
    lines: list[str] = []
    length = 0
    for line in paragraph.split("\n"):
        if length >= WRAPPED_CHARS and not OWN_LINE.match(line) and not lines[-1].startswith("|"):
            lines[-1] += " " + line
        else:
            lines.append(line)
        length = len(line)
    return "\n".join(lines)
