"""Documents and their passages: kept, replaced, listed and deleted, each of them whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from mdsa_server.store.database import Connection, Database
from mdsa_server.store.document_rows import (
    COLUMNS,
    JOINED,
    NewDocument,
    NewPassage,
    StoredPassage,
    collection_id,
    delete,
    document_of,
    forget,
    insert,
    one,
    stored_passage,
    tags_of,
)
from mdsa_server.store.passage_filter import PASSAGES
from mdsa_server.store.vector_index import VectorIndex, Vectors
from mdsa_server.vocabulary.documents import Collection, Document

PAGE = 200
DELETED_AT_ONCE = 100


class Kept(NamedTuple):
    """What is kept of a source."""

    content_hash: str
    tags: tuple[str, ...]


class Saved(NamedTuple):
    """Documents by their ids, the passages that had to go for them, and what puts theirs into the index in memory."""

    ids: list[str]
    gone: list[int]
    remembering: list[Callable[[], None]]


class Documents:
    """What is written here is in the index of vectors as well, in the same transaction."""

    def __init__(self, database: Database, index: VectorIndex) -> None:
        self._database = database
        self._index = index

    async def save(self, batch: Sequence[tuple[NewDocument, Vectors]]) -> list[str]:
        """Keep documents with the vectors of their passages, shape (passages, dimensions); give their ids.

        All in one transaction: killed at any moment, each of them is there whole or not at all.
        """

        def work(db: Connection) -> Saved:
            ids, gone, remembering = list[str](), list[int](), list[Callable[[], None]]()
            for document, vectors in batch:
                collection = collection_id(db, document.collection)
                gone.extend(forget(db, collection, document.source))
                identifier, passages = insert(db, collection, document)
                remembering.append(self._index.insert(db, collection, passages, vectors))
                ids.append(identifier)
            return Saved(ids, gone, remembering)

        def kept(saved: Saved) -> None:
            self._index.forget(saved.gone)
            for remember in saved.remembering:
                remember()

        return (await self._database.write(work, kept)).ids

    async def known(self, collection: str, sources: Sequence[str] | None = None) -> dict[str, Kept]:
        """Tell what is kept of the sources of a collection: of all, or of those named."""
        wanted = None if sources is None else msgspec.json.encode(list(sources)).decode()

        def work(db: Connection) -> dict[str, Kept]:
            rows: Any = db.execute(
                f"""select source, content_hash, tags from {JOINED} where name = ?1
                    and (?2 is null or source in (select value from json_each(?2)))""",  # noqa: S608  # constants
                (collection, wanted),
            )
            return {source: Kept(content, tags_of(tags)) for source, content, tags in rows}

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
            return [document_of(row) for row in rows]

        return await self._database.read(work)

    async def read(self, document: str) -> tuple[Document, list[StoredPassage]]:
        """Give a document with its passages in order. Raises UnknownDocument."""

        def work(db: Connection) -> tuple[Document, list[StoredPassage]]:
            found = one(db, document)
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
            found = one(db, document)
            gone = delete(db, "documents.id = ?", document)
            return found, gone

        found, _ = await self._database.write(work, lambda deleted: self._index.forget(deleted[1]))
        return found

    async def delete_sources(self, collection: str, sources: Sequence[str]) -> None:
        """Delete what is kept of some sources of a collection."""

        def work(db: Connection) -> list[int]:
            (known,) = db.execute("select id from collections where name = ?", (collection,)).fetchone() or (None,)
            return [passage for source in sources for passage in (forget(db, known, source) if known else ())]

        await self._database.write(work, self._index.forget)

    async def delete_collection(self, name: str) -> int:
        """Delete all documents of a collection, some at a time so that others may write; give how many there were."""

        def work(db: Connection) -> tuple[int, list[int]]:
            known: list[Any] = db.execute(
                """select sequence from documents join collections on collections.id = documents.collection
                   where name = ? limit ?""",
                (name, DELETED_AT_ONCE),
            ).fetchall()
            return len(known), [passage for (each,) in known for passage in delete(db, "sequence = ?", each)]

        count = 0
        while deleted := (await self._database.write(work, lambda deleted: self._index.forget(deleted[1])))[0]:
            count += deleted
        return count

    async def collection_names(self) -> list[str]:
        """Give the names of the collections that hold a document."""

        def work(db: Connection) -> list[str]:
            rows = db.execute(
                """select name from collections
                   where exists (select 1 from documents where collection = collections.id) order by name"""
            )
            return [str(name) for (name,) in rows]

        return await self._database.read(work)

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
