"""Documents as they are kept, and what of them a search is about."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class Document(Struct, frozen=True, kw_only=True):
    """One source file or page, as it was read."""

    id: str
    collection: str
    source: str
    """Where it came from: a path, or the name under which it was uploaded."""
    title: str
    type: str
    """`markdown`, `text`, `html`, `pdf`, `docx`, `code` or `csv`."""
    tags: tuple[str, ...] = ()
    bytes: int
    passages: int
    modified: datetime
    """When the file was last written."""
    added: datetime


class Collection(Struct, frozen=True, kw_only=True):
    """A named set of documents."""

    name: str
    documents: int
    passages: int


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
