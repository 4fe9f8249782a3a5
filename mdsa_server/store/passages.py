"""Passages found by their words, and read."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import Struct

from mdsa_server.errors import UnknownDocument
from mdsa_server.store.database import Connection, Database
from mdsa_server.store.document_rows import StoredPassage, stored_passage
from mdsa_server.store.moments import moment
from mdsa_server.store.passage_filter import PASSAGES, ids_of, where_of
from mdsa_server.vocabulary.documents import PassageFilter

# A word of the title or of a heading counts as much as two of the text.
TITLE_WEIGHT = 2.0
# What is longer is a pasted text; its first words tell what it is about.
MOST_WORDS = 64
LONGEST_WORD = 64
# Of so many passages those that have one of a message's words take long to score, most of them for its commonest words,
# which tell the least. Words that more than this share of the passages have are passed over there (store/DESIGN.md).
MANY_PASSAGES = 10_000
COMMON_SHARE = 0.3


class FoundPassage(Struct, frozen=True, kw_only=True):
    """A passage with what a reader needs to know of its document."""

    passage: StoredPassage
    document: str
    collection: str
    source: str
    title: str
    type: str
    modified: datetime


class WordCount(NamedTuple):
    """A word of a message, and where it stands."""

    passages: int
    """How many passages have it."""
    among: frozenset[int]
    """Those of some passages, by id, that have it."""


class Passages:
    """Reads only: `Documents` writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def search_words(
        self, message: str, most: int, wanted: PassageFilter, stop_words: Collection[str] = ()
    ) -> list[tuple[int, float]]:
        """Give the passages in which words of the message stand, with their BM25 scores, the greatest first.

        Any word will do; rare ones count more. `stop_words` are passed over unless there are no others, and among many
        passages so are words that very many of them have.
        """
        words = words_of(message, stop_words)
        if not words:
            return []
        where = where_of(wanted)

        def work(db: Connection) -> list[tuple[int, float]]:
            query = " OR ".join(_uncommon(db, words))
            narrowed = f"and rowid in ({ids_of(where)})" if wanted != PassageFilter() else ""
            rows = db.execute(
                # Ordered by the function and not by `rank`, which takes half as long again.
                f"""select rowid, -bm25(passage_words, {TITLE_WEIGHT}, 1.0) as score from passage_words
                    where passage_words match ? {narrowed} order by score desc limit ?""",  # noqa: S608  # constants
                (query, *where.values, most),
            )
            return [(int(passage), float(score)) for passage, score in rows]

        return await self._database.read(work)

    async def count_words(
        self, message: str, among: Sequence[int], stop_words: Collection[str] = ()
    ) -> tuple[int, list[WordCount]]:
        """Give how many passages there are, and in how many and which of `among` each word of a message stands.

        The words are those that `search_words` looks for.
        """

        def work(db: Connection) -> tuple[int, list[WordCount]]:
            counts: Any = [
                db.execute(
                    """select count(*), json_group_array(rowid) filter (where rowid in (select value from json_each(?)))
                       from passage_words where passage_words match ?""",
                    (json.dumps(list(among)), word),
                ).fetchall()
                for word in words_of(message, stop_words)
            ]
            return _total(db), [WordCount(count, frozenset(json.loads(ids))) for ((count, ids),) in counts]

        return await self._database.read(work)

    async def read(self, passages: Sequence[int]) -> dict[int, FoundPassage]:
        """Give passages by their ids; those that were deleted meanwhile are missing."""
        return await self._database.read(lambda db: _read(db, passages))

    async def at(self, document: str, place: int) -> int:
        """Give the id of a document's passage by its place. Raises UnknownDocument."""

        def work(db: Connection) -> int:
            row: Any = db.execute(
                f"select passages.id from {PASSAGES} where documents.id = ? and place = ?",  # noqa: S608  # constants
                # SQLite knows numbers of 64 bits, and an address may have any.
                (document, max(min(place, 2**62), -1)),
            ).fetchone()
            if row is None:
                raise UnknownDocument(
                    f"no document has the id {document!r} and a passage {place}", "It may have been deleted."
                )
            return int(row[0])

        return await self._database.read(work)

    async def around(self, passage: int, before: int, after: int) -> list[FoundPassage]:
        """Give a passage between its neighbours in the document, in order; none where it was deleted."""

        def work(db: Connection) -> list[FoundPassage]:
            row: Any = db.execute("select document, place from passages where id = ?", (passage,)).fetchone()
            if row is None:
                return []
            document, place = row
            near: Any = db.execute(
                "select id from passages where document = ? and place between ? and ?",
                (document, place - before, place + after),
            ).fetchall()
            found = _read(db, [identifier for (identifier,) in near])
            return sorted(found.values(), key=lambda one: one.passage.place)

        return await self._database.read(work)


def words_of(message: str, stop_words: Collection[str] = ()) -> list[str]:
    """Give the message's words, each as a full-text query; what the index takes apart must stand there in its order."""
    # In lower case and no further: the index folds no letter into two, as ß into ss.
    known = re.findall(r"\w+", message.encode("utf-8", "ignore").decode().lower())
    words = [word[:LONGEST_WORD] for word in dict.fromkeys(known)]
    telling = [word for word in words if word not in stop_words] or words
    return [f'"{word}"' for word in telling[:MOST_WORDS]]


def _total(db: Connection) -> int:
    """Count the passages."""
    rows: Any = db.execute("select count(*) from passages").fetchall()
    return int(rows[0][0])


def _uncommon(db: Connection, words: Sequence[str]) -> Sequence[str]:
    """Give the words that are worth searching for; all of them where passages are few, or none is uncommon."""
    total = _total(db)
    if total < MANY_PASSAGES:
        return words
    counting = "select count(*) from passage_words where passage_words match ?"
    counts: dict[str, Any] = {word: db.execute(counting, (word,)).fetchall()[0][0] for word in words}
    return [word for word, count in counts.items() if 0 < count <= COMMON_SHARE * total] or words


def _read(db: Connection, passages: Sequence[int]) -> dict[int, FoundPassage]:
    rows: Any = db.execute(
        f"""select passages.id, place, text, heading, page, documents.id, name, source, title, type, modified
            from {PASSAGES} where passages.id in (select value from json_each(?))""",  # noqa: S608  # constants
        (json.dumps(list(passages)),),
    )
    return {
        row[0]: FoundPassage(
            passage=stored_passage(row[:5]),
            document=row[5],
            collection=row[6],
            source=row[7],
            title=row[8],
            type=row[9],
            modified=moment(row[10]),
        )
        for row in rows
    }
