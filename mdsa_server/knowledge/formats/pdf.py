"""PDF: the text of its pages, with its outline as headings."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from pypdf import PdfReader
from pypdf.errors import DependencyError, LimitReachedError, PyPdfError

from mdsa_server.errors import DocumentUnreadable
from mdsa_server.knowledge.formats.characters import clean, one_line
from mdsa_server.vocabulary.documents import Heading, ReadDocument

MOST_PAGES = 20_000
MOST_HEADINGS = 2000
DEEPEST = 6
# What programs write as a title where nobody gave one.
NO_TITLE = re.compile(r"untitled|microsoft word - |powerpoint presentation|\(anonymous\)", re.IGNORECASE)


def read_pdf(content: bytes, name: str) -> ReadDocument:
    """The title is the file's own, else the name. Raises DocumentUnreadable: encrypted, damaged, scanned, a bomb."""
    try:
        reader = PdfReader(io.BytesIO(content))
        if reader.is_encrypted and not reader.decrypt(""):
            raise _encrypted()
        text, pages = _pages(reader)
        title = _title(reader)
    except DependencyError as error:
        raise _encrypted() from error
    except LimitReachedError as error:
        raise DocumentUnreadable(
            f"unpacks to more than a document may ({one_line(str(error))})", "Print it to a new PDF, or leave it out."
        ) from error
    except (PyPdfError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        # What a damaged file makes pypdf stumble over is not always one of its own errors.
        raise DocumentUnreadable(
            f"is damaged, or no PDF ({one_line(f'{type(error).__name__}: {error}')})",
            "Open it in a PDF viewer and print it to a new PDF.",
        ) from error
    if not text.strip():
        raise DocumentUnreadable(
            f"holds no text on its {len(pages)} pages: they are pictures, as a scanner makes them",
            "Have its text recognised first (OCR), for example with ocrmypdf.",
        )
    return ReadDocument(
        title=title or name, text=text, type="pdf", headings=_headings(reader, text, pages), pages=pages
    )


def _pages(reader: PdfReader) -> tuple[str, tuple[int, ...]]:
    parts: list[str] = []
    starts: list[int] = []
    length = 0
    for page in reader.pages:
        if len(starts) == MOST_PAGES:
            raise DocumentUnreadable(f"has more than the {MOST_PAGES:,} pages that a document may have", "Split it.")
        starts.append(length)
        # An empty line, so that no sentence seems to end with a page.
        part = f"{clean(page.extract_text()).strip()}\n\n"
        if part.strip():
            parts.append(part)
            length += len(part)
    return "".join(parts), tuple(starts)


def _title(reader: PdfReader) -> str:
    title = one_line(str((reader.metadata and reader.metadata.title) or ""))
    return "" if NO_TITLE.match(title) else title


def _headings(reader: PdfReader, text: str, pages: tuple[int, ...]) -> tuple[Heading, ...]:
    """Give the outline's entries where their words stand on their pages, else at the pages' beginnings."""
    headings: list[Heading] = []
    try:
        for entry, level in islice(_entries(reader.outline, 1), MOST_HEADINGS):
            page = reader.get_destination_page_number(entry)
            words = one_line(str(entry.title or ""))
            if page is None or not 0 <= page < len(pages) or not words:
                continue
            headings.append(Heading(_place(words, text, pages, page), level, words))
    except MemoryError:
        raise
    except Exception:
        # The outline only helps; a damaged one takes nothing from the text. What it raises then may be anything.
        return ()
    return tuple({heading.start: heading for heading in sorted(headings, key=lambda heading: heading.start)}.values())


def _entries(outline: Any, level: int) -> Iterator[tuple[Any, int]]:
    for entry in outline:
        if isinstance(entry, list):
            if level < DEEPEST:
                yield from _entries(entry, level + 1)
        else:
            yield entry, level


def _place(words: str, text: str, pages: tuple[int, ...], page: int) -> int:
    start = pages[page]
    end = pages[page + 1] if page + 1 < len(pages) else len(text)
    # Headings are often broken into lines, and stand numbered on the page but not in the outline.
    found = re.compile(r"\s+".join(map(re.escape, words.split())), re.IGNORECASE).search(text, start, end)
    return text.rfind("\n", start, found.start()) + 1 or start if found else start


def _encrypted() -> DocumentUnreadable:
    return DocumentUnreadable("is encrypted and needs a password", "Save it without a password and try again.")
