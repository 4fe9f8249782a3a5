"""The vectors of passages, made by one encoder: kept and scored by sqlite-vec, found through their signs in memory.

Vectors that point the same way have the same signs in most dimensions. Of each vector the signs are held, one bit a
dimension; a search counts in how many they differ from the query's, takes the CANDIDATES nearest, and only those are
scored by their whole vectors. What was measured of that stands in DESIGN.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from mdsa_server.store.database import Connection, Database
from mdsa_server.store.passage_filter import ids_of, where_of
from mdsa_server.store.sign_index import Ids, SignIndex, Signs, signs_of
from mdsa_server.vocabulary.documents import PassageFilter

Vectors = NDArray[np.float32]

CANDIDATES = 400
# Of so few passages that a filter leaves, each is scored by its whole vector.
EXACT = 5_000


class Unembedded(Struct, frozen=True):
    """A passage that has no vector yet."""

    id: int
    collection: int
    title: str
    heading: tuple[str, ...]
    text: str


class VectorIndex:
    """Of one encoder, by its fingerprint; the tables of others stay until `drop_others`.

    With `in_memory` off a search scores all vectors, in SQLite, and nothing is held.
    """

    def __init__(self, database: Database, fingerprint: str | None = None, *, in_memory: bool = True) -> None:
        self._database = database
        self._fingerprint = fingerprint
        self._signs = SignIndex() if in_memory else None

    async def open(self, fingerprint: str | None = None) -> None:
        """Read the signs of all vectors there are; the encoder may be named only now, or be another one now."""
        self._fingerprint = fingerprint or self._fingerprint
        signs = SignIndex() if self._signs is not None else None
        self._signs = signs

        def work(db: Connection) -> None:
            table = self._find(db)
            if table is None or signs is None:
                return
            rows = db.execute(f"select passage, collection, signs from signs_{table} order by passage").fetchall()  # noqa: S608  # constants
            if rows:
                passages, collections, words = zip(*rows, strict=True)
                signs.add(passages, collections, np.frombuffer(b"".join(words), "<u8").reshape(len(rows), -1))

        await self._database.read(work)

    def insert(self, db: Connection, collection: int, passages: Sequence[int], vectors: Vectors) -> Callable[[], None]:
        """Keep vectors, shape (passages, dimensions), within a transaction; call what it gives once that is kept."""
        if not len(passages):
            return lambda: None
        table = self._find(db) or self._make(db, vectors.shape[1])
        rows = np.ascontiguousarray(vectors, "<f4")
        signs = signs_of(rows)
        db.executemany(
            f"insert into vectors_{table} (passage, vector) values (?, ?)",  # noqa: S608  # a number
            zip(passages, map(bytes, rows), strict=True),
        )
        db.executemany(
            f"insert into signs_{table} (passage, collection, signs) values (?, ?, ?)",  # noqa: S608  # constants
            ((passage, collection, bytes(row)) for passage, row in zip(passages, signs, strict=True)),
        )
        return lambda: self._remember(passages, collection, signs)

    def forget(self, passages: Sequence[int]) -> None:
        """Take passages that were deleted out of memory; their rows went with them."""
        if self._signs is not None and passages:
            self._signs.remove(passages)

    async def comparable(self, vector: Vectors) -> bool:
        """Whether a vector can be compared with those that are kept, as one of the same encoder can."""

        def work(db: Connection) -> bool:
            table = self._find(db)
            query = f"select vec_length(vector) from vectors_{table} limit 1"  # noqa: S608  # a number
            row = db.execute(query).fetchone() if table is not None else None
            return bool(usable(vector)) and (row is None or row[0] == len(vector))

        return await self._database.read(work)

    async def nearest(self, vector: Vectors, most: int, wanted: PassageFilter) -> list[tuple[int, float]]:
        """Give the passages whose vectors are most like one of unit length, with their cosines, the likest first."""

        def work(db: Connection) -> list[tuple[int, float]]:
            table = self._find(db)
            query = np.ascontiguousarray(vector, "<f4")
            if table is None:
                return []
            if self._signs is None:
                return _all_scored(db, table, query, most, wanted)
            return _scored(db, table, query, most, _candidates(db, self._signs, query, most, wanted))

        return await self._database.read(work)

    async def read(self, passages: Sequence[int]) -> dict[int, Vectors]:
        """Give the vectors there are of some passages."""
        return await self._database.read(lambda db: self.vectors(db, passages))

    def vectors(self, db: Connection, passages: Sequence[int]) -> dict[int, Vectors]:
        """The same, within a transaction."""
        table = self._find(db)
        if table is None or not passages:
            return {}
        query = f"select passage, vector from vectors_{table} where passage in (select value from json_each(?))"  # noqa: S608  # a number
        rows = db.execute(query, (_listed(passages),))
        return {int(passage): np.frombuffer(vector, "<f4").astype(np.float32) for passage, vector in rows}

    async def unembedded(self, most: int, aside: Collection[int] = ()) -> tuple[list[Unembedded], int]:
        """Give the first passages that have no vector, and how many there are of them in all, but those set aside."""
        left_out = json.dumps(list(aside))

        def work(db: Connection) -> tuple[list[Unembedded], int]:
            table = self._find(db)
            there = f"(select passage from vectors_{table})" if table is not None else "(select 0 where false)"  # noqa: S608  # constants
            lacking = f"passages.id not in {there} and passages.id not in (select value from json_each(?))"  # noqa: S608  # constants
            (count,) = db.execute(f"select count(*) from passages where {lacking}", (left_out,)).fetchone() or (0,)  # noqa: S608  # constants
            rows: Any = db.execute(
                f"""select passages.id, collection, title, heading, text from passages
                    join documents on documents.sequence = passages.document
                    where {lacking} order by passages.id limit ?""",  # noqa: S608  # constants
                (left_out, most),
            )
            left = [
                Unembedded(id_, collection, title, msgspec.json.decode(heading, type=tuple[str, ...]), text)
                for id_, collection, title, heading, text in rows
            ]
            return left, int(count)

        return await self._database.read(work)

    async def fill(self, passages: Sequence[Unembedded], vectors: Vectors) -> None:
        """Keep vectors of passages that had none; those that were deleted meanwhile are passed over."""

        def work(db: Connection) -> list[Callable[[], None]]:
            ids = _listed([passage.id for passage in passages])
            left = {
                row[0]
                for row in db.execute("select id from passages where id in (select value from json_each(?))", (ids,))
            }
            return [
                self.insert(db, passage.collection, [passage.id], row[None])
                for passage, row in zip(passages, vectors, strict=True)
                if passage.id in left
            ]

        def kept(remembering: list[Callable[[], None]]) -> None:
            for remember in remembering:
                remember()

        await self._database.write(work, kept)

    async def drop_others(self) -> None:
        """Delete the vectors of other encoders."""

        def work(db: Connection) -> None:
            others = "select id from vector_indexes where fingerprint <> ?"
            for (other,) in db.execute(others, (self._fingerprint,)).fetchall():
                db.execute(f"drop table vectors_{other}; drop table signs_{other}")
                db.execute("delete from vector_indexes where id = ?", (other,))

        await self._database.write(work)

    def _remember(self, passages: Sequence[int], collection: int, signs: Signs) -> None:
        if self._signs is not None:
            self._signs.add(passages, collection, signs)

    def _find(self, db: Connection) -> int | None:
        query = "select id from vector_indexes where fingerprint = ?"
        row = db.execute(query, (self._fingerprint,)).fetchone()
        return int(row[0]) if row else None

    def _make(self, db: Connection, dimensions: int) -> int:
        db.execute("insert into vector_indexes (fingerprint) values (?)", (self._fingerprint,))
        table = db.last_insert_rowid()
        key = "passage integer primary key references passages (id) on delete cascade"
        vector = f"vector blob not null check (vec_length(vector) = {dimensions})"
        db.execute(f"create table vectors_{table} ({key}, {vector}) strict")
        db.execute(f"create table signs_{table} ({key}, collection integer not null, signs blob not null) strict")
        return table


def _candidates(db: Connection, signs: SignIndex, query: Vectors, most: int, wanted: PassageFilter) -> Ids:
    collections, allowed = None, None
    if wanted.collections is not None:
        collections = _collections(db, wanted.collections)
    if wanted != PassageFilter(collections=wanted.collections):
        where = where_of(wanted)
        found = db.execute(ids_of(where), where.values).fetchall()
        allowed = np.array(found, np.int64).reshape(-1)
        if len(allowed) <= EXACT:
            return allowed
    elif collections is not None and len(all_there := signs.of_collections(collections)) <= EXACT:
        return all_there
    return signs.nearest(signs_of(query), max(CANDIDATES, most), collections=collections, allowed=allowed)


def usable(vectors: Vectors) -> NDArray[np.bool_]:
    """Tell which vectors, along the last axis, can be compared: those of zeros or of no numbers cannot."""
    return np.asarray(np.isfinite(vectors).all(-1) & vectors.any(-1))


def _collections(db: Connection, names: Sequence[str]) -> list[int]:
    found = (db.execute("select id from collections where name = ?", (name,)).fetchone() for name in names)
    return [int(row[0]) for row in found if row]


def _scored(db: Connection, table: int, query: Vectors, most: int, candidates: Ids) -> list[tuple[int, float]]:
    if not len(candidates):
        return []
    rows = db.execute(
        f"""select passage, vec_distance_l2(vector, ?) as distance from vectors_{table}
            where passage in (select value from json_each(?)) order by distance limit ?""",  # noqa: S608  # a number
        (query.tobytes(), _listed(candidates), most),
    )
    return _with_cosines(rows)


def _with_cosines(rows: Iterable[tuple[Any, ...]]) -> list[tuple[int, float]]:
    """Give passages with the cosines that their distances mean.

    All vectors have unit length: |a - b|² = 2 - 2 cos. The distance takes two thirds of the time that the cosine does.
    """
    return [(int(passage), 1.0 - float(distance) ** 2 / 2) for passage, distance in rows]


def _all_scored(
    db: Connection, table: int, query: Vectors, most: int, wanted: PassageFilter
) -> list[tuple[int, float]]:
    where = where_of(wanted)
    narrowed = f"where passage in ({ids_of(where)})" if wanted != PassageFilter() else ""
    rows = db.execute(
        f"""select passage, vec_distance_l2(vector, ?) as distance from vectors_{table}
            {narrowed} order by distance limit ?""",  # noqa: S608  # a number
        (query.tobytes(), *where.values, most),
    )
    return _with_cosines(rows)


def _listed(numbers: Ids | Sequence[int]) -> str:
    return json.dumps(np.asarray(numbers).tolist())
