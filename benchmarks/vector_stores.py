"""Stores of vectors to be compared, each opened in a process of its own: ours, plain sqlite-vec, and Chroma.

Run by `benchmarks.retrieval`: `python -m benchmarks.vector_stores STORE FOLDER` prints what it measured as JSON. The
folder holds `vectors.npy`, `warming.npy`, `queries.npy` and `nearest.npy` (shape (queries, 10), by exact scores), and,
for the words, `questions.json`.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from mdsa_server.knowledge.search import Search
from mdsa_server.knowledge.stop_words import stop_words
from mdsa_server.store.database import Connection, Database
from mdsa_server.store.passages import Passages
from mdsa_server.store.vector_index import VectorIndex
from mdsa_server.vocabulary.documents import PassageFilter

Vectors = NDArray[np.float32]
Nearest = Callable[[Vectors], Awaitable[list[int]]]

FINGERPRINT = "benchmark"
FOUND = 10
EVERYTHING = PassageFilter()
NOT_INSTALLED = 3
# What Chroma takes in one call.
CHROMA_BATCH = 5_000


def main() -> None:
    _, store, folder = sys.argv
    try:
        print(json.dumps(asyncio.run(STORES[store](Path(folder)))))
    except ModuleNotFoundError as missing:
        print(missing, file=sys.stderr)
        sys.exit(NOT_INSTALLED)


async def vector(folder: Path) -> dict[str, float]:
    """Measure the index with its signs in memory, as a server opens it."""
    return await _ours(folder, in_memory=True)


async def plain(folder: Path) -> dict[str, float]:
    """Measure `vectors_in_memory = false`."""
    return await _ours(folder, in_memory=False)


async def hybrid(folder: Path) -> dict[str, float]:
    """Measure whole searches, by words and by meaning, and those by words alone."""
    async with _opened(folder / "ours.sqlite3") as database:
        index = VectorIndex(database, FINGERPRINT)
        await index.open()
        passages, without = Passages(database), stop_words(("english",))
        search = Search(passages, index, lambda: True, without)
        questions = json.loads((folder / "questions.json").read_text("utf-8"))
        half = len(questions) // 2
        whole, words = [], []
        for number, (question, query) in enumerate(zip(questions, np.load(folder / "asked.npy"), strict=True)):

            async def embedded(query: Vectors = query) -> Vectors:
                return query

            began = time.perf_counter()
            await search(question, embedded, EVERYTHING, FOUND)
            between = time.perf_counter()
            await passages.search_words(question, 100, EVERYTHING, without)
            if number >= half:
                whole.append(between - began)
                words.append(time.perf_counter() - between)
    return {"hybrid_p50_ms": _ms(whole), "words_p50_ms": _ms(words)}


async def vec0(folder: Path) -> dict[str, float]:
    """Measure a table of sqlite-vec's own."""
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")

    def work(db: Connection) -> None:
        db.execute(f"create virtual table items using vec0 (vector float[{vectors.shape[1]}] distance_metric=cosine)")
        rows = ((number, bytes(row)) for number, row in enumerate(vectors, 1))
        db.executemany("insert into items (rowid, vector) values (?, ?)", rows)

    sql = "select rowid from items where vector match ? and k = ? order by distance"

    async def nearest(query: Vectors) -> list[int]:
        return await database.read(lambda db: [row[0] for row in db.execute(sql, (bytes(query), FOUND))])

    async with _opened(folder / "vec0.sqlite3") as database:
        await database.write(work)
    # Opened anew, so that what filling it took is not counted.
    async with _opened(folder / "vec0.sqlite3") as database:
        return await _measured(folder, nearest, _private_bytes())


def _fill_chroma(folder: Path) -> None:
    import chromadb

    client = chromadb.PersistentClient(str(folder / "chroma"), chromadb.Settings(anonymized_telemetry=False))
    cosine = {"hnsw": {"space": "cosine"}}
    items = client.create_collection("items", configuration=cosine, embedding_function=None)
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    for start in range(0, len(vectors), CHROMA_BATCH):
        part = vectors[start : start + CHROMA_BATCH]
        items.add(ids=[str(start + number) for number in range(1, len(part) + 1)], embeddings=part)


async def chroma(folder: Path) -> dict[str, float]:
    """Measure Chroma as it comes, kept on the disk, with cosine distances. Raises ModuleNotFoundError."""
    import chromadb

    # In a process that ends, so that what filling takes of memory is not counted.
    filling = multiprocessing.get_context("spawn").Process(target=_fill_chroma, args=(folder,))
    filling.start()
    await asyncio.to_thread(filling.join)
    if filling.exitcode:
        sys.exit("Chroma could not be filled.")
    client = chromadb.PersistentClient(str(folder / "chroma"), chromadb.Settings(anonymized_telemetry=False))
    before = _private_bytes()
    items = client.get_collection("items", embedding_function=None)

    async def nearest(query: Vectors) -> list[int]:
        return [int(one) for one in items.query(query_embeddings=[query], n_results=FOUND, include=[])["ids"][0]]

    return await _measured(folder, nearest, before)


async def _ours(folder: Path, *, in_memory: bool) -> dict[str, float]:
    async with _opened(folder / "ours.sqlite3") as database:
        index = VectorIndex(database, FINGERPRINT, in_memory=in_memory)
        before = _private_bytes()
        began = time.perf_counter()
        await index.open()
        opened = time.perf_counter() - began

        async def nearest(query: Vectors) -> list[int]:
            return [passage for passage, _ in await index.nearest(query, FOUND, EVERYTHING)]

        return await _measured(folder, nearest, before) | {"opened_s": opened}


@asynccontextmanager
async def _opened(file: Path) -> AsyncIterator[Database]:
    """Open the file as the server does: that also loads sqlite-vec."""
    database = await Database.open(file)
    try:
        yield database
    finally:
        await database.close()


async def _measured(folder: Path, nearest: Nearest, before: int) -> dict[str, float]:
    for query in np.load(folder / "warming.npy"):
        await nearest(query)
    taken, right = [], 0
    queries, truth = np.load(folder / "queries.npy"), np.load(folder / "nearest.npy")
    for query, expected in zip(queries, truth, strict=True):
        began = time.perf_counter()
        found = await nearest(query)
        taken.append(time.perf_counter() - began)
        right += len(set(found) & set(expected.tolist()))
    return {
        "p50_ms": _ms(taken),
        "p95_ms": float(np.quantile(taken, 0.95)) * 1000,
        "recall": right / truth.size,
        "added_mb": (_private_bytes() - before) / 1e6,
    }


def _ms(seconds: list[float]) -> float:
    return statistics.median(seconds) * 1000


def _private_bytes() -> int:
    return int(psutil.Process().memory_full_info().uss)


STORES: dict[str, Callable[[Path], Coroutine[None, None, dict[str, float]]]] = {
    "vector": vector,
    "plain": plain,
    "hybrid": hybrid,
    "vec0": vec0,
    "chroma": chroma,
}

if __name__ == "__main__":
    main()
