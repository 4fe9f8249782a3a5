"""A library on a real database with the real reader; its vectors are made of letters, so that likeness can be told."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from mdsa_server.errors import EmbedderUnavailable
from mdsa_server.knowledge.ingest import Tags
from mdsa_server.knowledge.library import Library
from mdsa_server.knowledge.reading import Reader
from mdsa_server.store.database import Database
from mdsa_server.store.vector_index import Vectors
from mdsa_server.vocabulary.documents import PassageFilter
from mdsa_server.vocabulary.ingestion import AnyIngestionEvent, IngestionFinished
from mdsa_server.vocabulary.passages import Passage

DIMENSIONS = 256

PUMP = """# The pump

It moves water from the well to the tank.

## Oiling

Oil the bearing of the pump every week. Use thin oil, never grease, and wipe off what is too much.

## Winter

Drain the pump before the first frost, or ice will burst its housing.
"""


class Embedding:
    """Counts of letter triples as vectors; keeps what it was asked."""

    def __init__(self, name: str = "letters-1") -> None:
        self.name = name
        self.asked: list[str] = []
        self.broken = False

    async def encoder(self) -> str:
        if self.broken:
            raise EmbedderUnavailable("it is broken")
        return self.name

    async def __call__(self, texts: Sequence[str]) -> Vectors:
        if self.broken:
            raise EmbedderUnavailable("it is broken")
        self.asked += texts
        return np.stack([self._vector(text) for text in texts])

    def _vector(self, text: str) -> Vectors:
        counts = np.full(DIMENSIONS, 1e-3, np.float32)
        for start in range(len(text) - 2):
            digest = hashlib.blake2b((self.name + text[start : start + 3].lower()).encode(), digest_size=2).digest()
            counts[int.from_bytes(digest, "big") % DIMENSIONS] += 1
        return np.asarray((counts - counts.mean()) / np.linalg.norm(counts - counts.mean()), np.float32)


class Bench:
    """A library, and what a test does with it."""

    def __init__(self, library: Library, embedding: Embedding, database: Database) -> None:
        self.library = library
        self.embedding = embedding
        self.database = database
        self.events: list[AnyIngestionEvent] = []

    async def add(self, *paths: Path | str, collection: str = "manuals", tags: Tags = None) -> AnyIngestionEvent:
        """Take in files; give the last event."""
        await self.library.add([str(path) for path in paths], collection, tags, self.events.append)
        return self.events[-1]

    async def sync(self, folder: Path, collection: str = "manuals") -> AnyIngestionEvent:
        await self.library.sync(folder, collection, None, self.events.append)
        return self.events[-1]

    async def search(self, message: str, most: int = 5, **wanted: tuple[str, ...]) -> list[Passage]:
        async def vector() -> Vectors:
            made: Vectors = (await self.embedding([message]))[0]
            return made

        return await self.library.search(message, vector, PassageFilter(**wanted), most)  # type: ignore[arg-type]  # by key


@asynccontextmanager
async def opened(folder: Path, embedding: Embedding | None = None) -> AsyncIterator[Bench]:
    """A library in a folder, as the server opens it."""
    embedding = embedding or Embedding()
    database = await Database.open(folder / "library.sqlite3")
    reader = Reader(None, passage_tokens=60, max_bytes=100_000, seconds=20.0, memory=2_000_000_000)
    library = Library(
        database,
        reader=reader,
        embed=embedding,
        encoder=embedding.encoder,
        stop_words=frozenset({"the", "is", "how"}),
    )
    await library.open()
    try:
        yield Bench(library, embedding, database)
    finally:
        await library.close()
        await database.close()


def finished(event: object) -> IngestionFinished:
    assert isinstance(event, IngestionFinished), event
    return event
