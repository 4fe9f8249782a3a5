"""Documents and passages as rows of their tables: written within a transaction, and read from what a query gives."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from msgspec import Struct

from mdsa_server.errors import UnknownDocument
from mdsa_server.store.database import Connection
from mdsa_server.store.moments import moment
from mdsa_server.vocabulary.documents import Document
from mdsa_server.vocabulary.identifiers import new_id

COLUMNS = """documents.id, collections.name, source, title, type, tags, bytes, modified, added,
    (select count(*) from passages where document = documents.sequence)"""
JOINED = "documents join collections on collections.id = documents.collection"


class NewPassage(Struct, frozen=True, kw_only=True):
    """A passage to be kept."""

    text: str
    """With the white space up to the next passage: put together, the passages of a document are its text."""
    heading: tuple[str, ...] = ()
    page: int | None = None


class NewDocument(Struct, frozen=True, kw_only=True):
    """A document to be kept, in place of what was kept of the same source."""

    collection: str
    source: str
    title: str
    type: str
    tags: tuple[str, ...] = ()
    bytes: int
    content_hash: str
    modified: float
    """Seconds since 1970."""
    passages: tuple[NewPassage, ...]


class StoredPassage(Struct, frozen=True, kw_only=True):
    """A passage as it is kept."""

    id: int
    place: int
    text: str
    heading: tuple[str, ...]
    page: int | None


def stored_passage(row: tuple[Any, ...]) -> StoredPassage:
    """Make one of the columns id, place, text, heading, page."""
    identifier, place, text, heading, page = row
    return StoredPassage(
        id=identifier, place=place, text=text, heading=msgspec.json.decode(heading, type=tuple[str, ...]), page=page
    )


def collection_id(db: Connection, name: str) -> int:
    db.execute("insert into collections (name) values (?) on conflict do nothing", (name,))
    (identifier,) = db.execute("select id from collections where name = ?", (name,)).fetchone() or (0,)
    return int(identifier)


def insert(db: Connection, collection: int, document: NewDocument) -> tuple[str, list[int]]:
    """Write a document, its passages and their words; give its id and theirs."""
    identifier = new_id()
    db.execute(
        """insert into documents (id, collection, source, title, type, tags, bytes, content_hash, modified, added)
           values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            identifier,
            collection,
            document.source,
            document.title,
            document.type,
            msgspec.json.encode(document.tags).decode(),
            document.bytes,
            document.content_hash,
            document.modified,
            time.time(),
        ),
    )
    sequence = db.last_insert_rowid()
    (last,) = db.execute("select seq from sqlite_sequence where name = 'passages'").fetchone() or (0,)
    ids = list(range(last + 1, last + 1 + len(document.passages)))
    db.executemany(
        "insert into passages (id, document, place, heading, page, text) values (?, ?, ?, ?, ?, ?)",
        [
            (id_, sequence, place, msgspec.json.encode(passage.heading).decode(), passage.page, passage.text)
            for place, (id_, passage) in enumerate(zip(ids, document.passages, strict=True))
        ],
    )
    db.executemany(
        "insert into passage_words (rowid, title, text) values (?, ?, ?)",
        [
            (id_, " ".join((document.title, *passage.heading)), passage.text)
            for id_, passage in zip(ids, document.passages, strict=True)
        ],
    )
    return identifier, ids


def forget(db: Connection, collection: int, source: str) -> list[int]:
    return delete(db, "collection = ? and source = ?", collection, source)


def delete(db: Connection, where: str, *values: int | str) -> list[int]:
    """Delete documents; give the ids of their passages."""
    inside = f"select sequence from documents where {where}"  # noqa: S608  # constants
    gone = [row[0] for row in db.execute(f"select id from passages where document in ({inside})", values)]  # noqa: S608  # constants
    db.execute(f"delete from documents where {where}", values)  # noqa: S608  # constants
    return gone


def one(db: Connection, document: str) -> Document:
    row = db.execute(f"select {COLUMNS} from {JOINED} where documents.id = ?", (document,)).fetchone()  # noqa: S608  # constants
    if row is None:
        raise UnknownDocument(
            f"no document has the id {document!r}",
            "It may have been deleted, or taken in anew: mdsa documents list.",
        )
    return document_of(row)


def document_of(row: tuple[Any, ...]) -> Document:
    identifier, collection, source, title, type_, tags, size, modified, added, passages = row
    return Document(
        id=identifier,
        collection=collection,
        source=source,
        title=title,
        type=type_,
        tags=tags_of(tags),
        bytes=size,
        passages=passages,
        modified=moment(modified),
        added=moment(added),
    )


def tags_of(written: str) -> tuple[str, ...]:
    return msgspec.json.decode(written, type=tuple[str, ...])
