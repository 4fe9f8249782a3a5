"""Documents as they are kept, and what of them a search is about."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class Heading(Struct, frozen=True):
    """A heading in a document's text."""

    start: int
    """Where its line begins, in characters of the text."""
    level: int
    """1 is the highest."""
    text: str


class ReadDocument(Struct, frozen=True, kw_only=True):
    """The text of one document. It holds no control characters but line ends and tabs, and no lone surrogates."""

    title: str
    text: str
    type: str
    """`markdown`, `text`, `html`, `pdf`, `docx`, `code` or `csv`."""
    headings: tuple[Heading, ...] = ()
    """In the order of the text, no two at one place."""
    pages: tuple[int, ...] = ()
    """Where each page begins, in characters of the text; empty where there are no pages."""


class Piece(Struct, frozen=True, kw_only=True):
    """What one passage will be: the characters from `start` up to `end` of a document's text."""

    start: int
    end: int
    heading: tuple[str, ...] = ()
    """The headings it stands below, outermost first; of long ones only the innermost, perhaps cut."""
    page: int | None = None
    """The page it begins on, counted from 1."""


class Document(Struct, frozen=True, kw_only=True):
    """One source file or page, as it was read."""

    id: str
    collection: str
    source: str
    """Where it came from: a whole path, or the name under which it was sent."""
    title: str
    type: str
    """`markdown`, `text`, `html`, `pdf`, `docx`, `code` or `csv`."""
    tags: tuple[str, ...] = ()
    bytes: int
    passages: int
    modified: datetime
    """When the file was last written; when it was sent, if it was."""
    added: datetime


class Collection(Struct, frozen=True, kw_only=True):
    """A named set of documents."""

    name: str
    documents: int
    passages: int


class Embedding(Struct, frozen=True, kw_only=True):
    """How far it is that all passages have vectors of the present embedding model; until then words alone find them."""

    done: int
    of: int


class PassageFilter(Struct, frozen=True, kw_only=True):
    """Which passages a search is about: those that meet all that is said here."""

    collections: tuple[str, ...] | None = None
    """None is all."""
    source: str | None = None
    """A pattern in which `*` stands for anything: `*/manual/*.md`."""
    types: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    """The document has all of them."""
    since: datetime | None = None
    """The document was last written then or later."""
    until: datetime | None = None
    """The document was last written before."""
