"""Documents and their passages: kept, replaced, listed and deleted, each of them whole or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from mdsa_server.errors import UnknownDocument
from mdsa_server.store.database import Connection, Database
from mdsa_server.store.passage_filter import PASSAGES
from mdsa_server.store.vector_index import VectorIndex, Vectors
from mdsa_server.vocabulary.documents import Collection, Document
from mdsa_server.vocabulary.identifiers import new_id

COLUMNS = """documents.id, collections.name, source, title, type, tags, bytes, modified, added,
    (select count(*) from passages where document = documents.sequence)"""
JOINED = "documents join collections on collections.id = documents.collection"

PAGE = 200


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


class Kept(NamedTuple):
    """What is kept of a source."""

    content_hash: str
    tags: tuple[str, ...]


class StoredPassage(Struct, frozen=True, kw_only=True):
    """A passage as it is kept."""

    id: int
    place: int
    text: str
    heading: tuple[str, ...]
    page: int | None


class Documents:
    """What is written here is in the index of vectors as well, in the same transaction."""

    def __init__(self, database: Database, index: VectorIndex) -> None:
        self._database = database
        self._index = index

    async def save(self, batch: Sequence[tuple[NewDocument, Vectors]]) -> list[str]:
        """Keep documents with the vectors of their passages, shape (passages, dimensions); give their ids.

        All in one transaction: killed at any moment, each of them is there whole or not at all.
        """

        ids: list[str] = []
        gone: list[int] = []
        remembering: list[Callable[[], None]] = []

        def work(db: Connection) -> None:
            for document, vectors in batch:
                collection = _collection(db, document.collection)
                gone.extend(_forget(db, collection, document.source))
                identifier, passages = _insert(db, collection, document)
                remembering.append(self._index.insert(db, collection, passages, vectors))
                ids.append(identifier)

        await self._database.write(work)
        # Only now: what is in memory must never be ahead of the file.
        self._index.forget(gone)
        for remember in remembering:
            remember()
        return ids

    async def known(self, collection: str, sources: Sequence[str] | None = None) -> dict[str, Kept]:
        """Tell what is kept of the sources of a collection: of all, or of those named."""
        wanted = None if sources is None else msgspec.json.encode(list(sources)).decode()

        def work(db: Connection) -> dict[str, Kept]:
            rows: Any = db.execute(
                f"""select source, content_hash, tags from {JOINED} where name = ?1
                    and (?2 is null or source in (select value from json_each(?2)))""",  # noqa: S608  # constants
                (collection, wanted),
            )
            return {source: Kept(content, _tags(tags)) for source, content, tags in rows}

        return await self._database.read(work)

    async def vectors_of(self, collection: str, source: str) -> list[tuple[NewPassage, str, Vectors]]:
        """Give what is kept of a source: its passages, each with the document's title and its vector."""

        def work(db: Connection) -> list[tuple[NewPassage, str, Vectors]]:
            rows: list[Any] = db.execute(
                f"""select passages.id, place, text, heading, page, title from {PASSAGES}
                    where name = ? and source = ?""",  # noqa: S608  # constants
                (collection, source),
            ).fetchall()
            vectors = self._index.vectors(db, [row[0] for row in rows])
            found = [(stored_passage(row[:5]), row[5]) for row in rows if row[0] in vectors]
            return [
                (NewPassage(text=one.text, heading=one.heading, page=one.page), title, vectors[one.id])
                for one, title in found
            ]

        return await self._database.read(work)

    async def find(
        self, collection: str | None = None, *, after: str | tuple[str, str] = "", most: int = PAGE
    ) -> list[Document]:
        """Give documents by source, those of one collection or of all.

        `after` is the id of the last one seen, or its source and id, which say where to go on also once it is gone.
        """

        def work(db: Connection) -> list[Document]:
            begin = after
            if isinstance(after, str):
                begin = db.execute("select source, id from documents where id = ?", (after,)).fetchone() or ("", "")
            rows = db.execute(
                f"""select {COLUMNS} from {JOINED} where (?1 is null or name = ?1) and (source, documents.id) > (?2, ?3)
                    order by source, documents.id limit ?4""",  # noqa: S608  # constants
                (collection, *begin, most),
            )
            return [_document(row) for row in rows]

        return await self._database.read(work)

    async def read(self, document: str) -> tuple[Document, list[StoredPassage]]:
        """Give a document with its passages in order. Raises UnknownDocument."""

        def work(db: Connection) -> tuple[Document, list[StoredPassage]]:
            found = _one(db, document)
            rows = db.execute(
                """select passages.id, place, text, heading, page from passages
                   join documents on documents.sequence = passages.document where documents.id = ? order by place""",
                (document,),
            )
            return found, [stored_passage(row) for row in rows]

        return await self._database.read(work)

    async def delete(self, document: str) -> Document:
        """Delete a document with its passages, and give what it was. Raises UnknownDocument."""

        def work(db: Connection) -> tuple[Document, list[int]]:
            found = _one(db, document)
            gone = _delete(db, "documents.id = ?", document)
            return found, gone

        found, gone = await self._database.write(work)
        self._index.forget(gone)
        return found

    async def delete_sources(self, collection: str, sources: Sequence[str]) -> None:
        """Delete what is kept of some sources of a collection."""

        def work(db: Connection) -> list[int]:
            (known,) = db.execute("select id from collections where name = ?", (collection,)).fetchone() or (None,)
            return [passage for source in sources for passage in (_forget(db, known, source) if known else ())]

        self._index.forget(await self._database.write(work))

    async def collections(self) -> list[Collection]:
        """Give the collections that hold a document, by name."""

        def work(db: Connection) -> list[Collection]:
            rows = db.execute(
                """select name, count(distinct documents.sequence), count(passages.id) from collections
                   join documents on documents.collection = collections.id
                   left join passages on passages.document = documents.sequence group by name order by name"""
            )
            return [Collection(name=name, documents=documents, passages=passages) for name, documents, passages in rows]

        return await self._database.read(work)


def stored_passage(row: tuple[Any, ...]) -> StoredPassage:
    """Make one of the columns id, place, text, heading, page."""
    identifier, place, text, heading, page = row
    return StoredPassage(
        id=identifier, place=place, text=text, heading=msgspec.json.decode(heading, type=tuple[str, ...]), page=page
    )


def _collection(db: Connection, name: str) -> int:
    db.execute("insert into collections (name) values (?) on conflict do nothing", (name,))
    (identifier,) = db.execute("select id from collections where name = ?", (name,)).fetchone() or (0,)
    return int(identifier)


def _insert(db: Connection, collection: int, document: NewDocument) -> tuple[str, list[int]]:
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


def _forget(db: Connection, collection: int, source: str) -> list[int]:
    return _delete(db, "collection = ? and source = ?", collection, source)


def _delete(db: Connection, where: str, *values: int | str) -> list[int]:
    """Delete documents; give the ids of their passages."""
    inside = f"select sequence from documents where {where}"  # noqa: S608  # constants
    gone = [row[0] for row in db.execute(f"select id from passages where document in ({inside})", values)]  # noqa: S608  # constants
    db.execute(f"delete from documents where {where}", values)  # noqa: S608  # constants
    return gone


def _one(db: Connection, document: str) -> Document:
    row = db.execute(f"select {COLUMNS} from {JOINED} where documents.id = ?", (document,)).fetchone()  # noqa: S608  # constants
    if row is None:
        raise UnknownDocument(
            f"no document has the id {document!r}", "It may have been deleted. List them: GET /api/documents."
        )
    return _document(row)


def _document(row: tuple[Any, ...]) -> Document:
    identifier, collection, source, title, type_, tags, size, modified, added, passages = row
    return Document(
        id=identifier,
        collection=collection,
        source=source,
        title=title,
        type=type_,
        tags=_tags(tags),
        bytes=size,
        passages=passages,
        modified=datetime.fromtimestamp(modified, UTC),
        added=datetime.fromtimestamp(added, UTC),
    )


def _tags(written: str) -> tuple[str, ...]:
    return msgspec.json.decode(written, type=tuple[str, ...])
