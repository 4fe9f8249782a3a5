"""Word documents (DOCX): paragraphs and tables in their order, headings by their styles."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from typing import Any
from zipfile import BadZipFile, ZipFile

from docx import Document
from docx.opc.exceptions import OpcError
from docx.oxml.ns import qn

from mdsa_server.errors import DocumentUnreadable
from mdsa_server.knowledge.formats.characters import clean, one_line
from mdsa_server.vocabulary.documents import Heading, ReadDocument

UNPACKED_BYTES = 200_000_000
DEEPEST_STYLE = 10
HEADING_STYLE = re.compile(r"heading (\d)\Z", re.IGNORECASE)
TITLE = 0
"""Stands for the style of the document's title among the levels of headings."""

PARAGRAPH, TABLE, ROW, CELL, TEXT = qn("w:p"), qn("w:tbl"), qn("w:tr"), qn("w:tc"), qn("w:t")
BREAKS = {qn("w:tab"): "\t", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-"}
STYLE = f"{qn('w:pPr')}/{qn('w:pStyle')}"
NUMBERED = f"{qn('w:pPr')}/{qn('w:numPr')}"
VALUE = qn("w:val")
# A text box is there twice: as it is, and for programs that are too old for it. Properties hold no text.
UNREAD = frozenset(("{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback", qn("w:pPr"), qn("w:rPr")))


def read_docx(content: bytes, name: str) -> ReadDocument:
    """The title is the file's own, else its title paragraph, else the name.

    Raises DocumentUnreadable where it is damaged, no Word document, or unpacks to too much.
    """
    _require_bounded(content)
    try:
        document = Document(io.BytesIO(content))
        levels = _levels(document.styles)
        text, headings, told = _written(document.element.body, levels)
        title = one_line(document.core_properties.title or "")
    except (OpcError, BadZipFile, KeyError, ValueError, SyntaxError, AttributeError, OSError) as error:
        # lxml's own error for XML that is none is a SyntaxError.
        raise _damaged(error) from error
    return ReadDocument(title=title or told or name, text=text, type="docx", headings=headings)


def _require_bounded(content: bytes) -> None:
    try:
        with ZipFile(io.BytesIO(content)) as archive:
            size = sum(part.file_size for part in archive.infolist())
    except (BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise _damaged(error) from error
    # The sizes can be believed: nothing is unpacked beyond what they say.
    if size > UNPACKED_BYTES:
        raise DocumentUnreadable(
            f"unpacks to {size:,} bytes, and a document may to {UNPACKED_BYTES:,}",
            "Split it, take out large pictures, or leave it out.",
        )


def _levels(styles: Any) -> Mapping[str, int]:
    """Give the level of each style that makes headings, by the style's id."""
    levels = {}
    for style in styles:
        each = style
        for _ in range(DEEPEST_STYLE):
            name = getattr(each, "name", None) or ""
            if found := HEADING_STYLE.match(name):
                levels[style.style_id] = int(found[1])
            elif name == "Title":
                levels[style.style_id] = TITLE
            each = getattr(each, "base_style", None)
            if style.style_id in levels or each is None:
                break
    return levels


def _written(body: Any, levels: Mapping[str, int]) -> tuple[str, tuple[Heading, ...], str]:
    """Give text, headings, and what stands in the style of a title."""
    parts: list[str] = []
    headings: list[Heading] = []
    told, length = "", 0
    for block in _blocks(body):
        if block.tag == TABLE:
            part, level = "\n".join(_rows(block)), None
        else:
            part = clean(_text(block)).strip()
            style = block.find(STYLE)
            level = levels.get(style.get(VALUE)) if style is not None else None
            if part and level is None and block.find(NUMBERED) is not None:
                part = f"- {part}"
        if not part:
            continue
        if level == TITLE:
            told = told or one_line(part)
        elif level is not None:
            headings.append(Heading(length, level, one_line(part)))
        parts.append(f"{part}\n\n")
        length += len(parts[-1])
    return "".join(parts), tuple(headings), told


def _blocks(element: Any) -> Iterator[Any]:
    """Give paragraphs and tables in order, also those within content controls, but not those within others."""
    waiting = [iter(element)]
    while waiting:
        child = next(waiting[-1], None)
        if child is None:
            waiting.pop()
        elif child.tag in (PARAGRAPH, TABLE):
            yield child
        elif child.tag not in UNREAD:
            waiting.append(iter(child))


def _rows(table: Any) -> Iterator[str]:
    """Give a line for each row. A table within a cell is part of the cell."""
    for row in _within(table, ROW):
        cells = (" ".join(clean(_text(cell)).split()) for cell in _within(row, CELL))
        if line := " | ".join(cell for cell in cells if cell):
            yield line


def _within(element: Any, tag: str) -> Iterator[Any]:
    for child in element:
        if child.tag == tag:
            yield child
        elif child.tag not in UNREAD and child.tag not in (ROW, CELL):
            yield from _within(child, tag)


def _text(element: Any) -> str:
    """Give what is written within, however deep, without what was deleted while changes were tracked."""
    parts, waiting = [], [iter(element)]
    while waiting:
        child = next(waiting[-1], None)
        if child is None:
            waiting.pop()
            continue
        if child.tag == TEXT:
            parts.append(child.text or "")
        elif child.tag in BREAKS:
            parts.append(BREAKS[child.tag])
        elif child.tag not in UNREAD:
            if child.tag == PARAGRAPH and parts:
                parts.append("\n")
            waiting.append(iter(child))
    return "".join(parts)


def _damaged(error: Exception) -> DocumentUnreadable:
    return DocumentUnreadable(
        f"is damaged, or no Word document ({one_line(f'{type(error).__name__}: {error}')})",
        "Open it in a word processor and save it as DOCX again.",
    )
