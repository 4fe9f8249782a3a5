"""How good and how fast searching documents is: Cranfield's questions, and 100,000 and 500,000 vectors.

usage: python -m benchmarks.retrieval [--json] [--without-500k]

The data are those of the folder that MDSA_SHARED names (default ../shared): `cranfield/`, 1,400 abstracts and 225
questions with the documents they want, and `clinc150/`, short messages.

Quality is that of `mdsa evaluate retrieval`: words alone, meaning alone, both fused; of documents in passages, and of
whole ones.

For speed the vectors of both collections, some 19,000, are grown: each new one is mixed of two and a little noise. The
queries are questions and messages that were not mixed in; half warm up, half are timed. What is nearest is told by
scoring all vectors exactly. Passages have the texts of Cranfield's, halves of two put together. Each store is measured
in a process of its own, on the same vectors and queries: this server's, with its signs in memory and without
(`vectors_in_memory = false`), sqlite-vec's vec0, and Chroma where `chromadb` can be imported. `added MB` is private
memory, after the searches; `recall` that of the ten nearest.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.vector_stores import FINGERPRINT, FOUND, NOT_INSTALLED
from mdsa_server.evaluation.retrieval import RetrievalReport, report
from mdsa_server.evaluation.retrieval_trial import (
    Split,
    TriedDocument,
    TriedLibrary,
    TriedQuestion,
    read_documents,
    read_questions,
    whole,
)
from mdsa_server.inference.embedder import Embedder
from mdsa_server.knowledge.ingest import EmbedPassages
from mdsa_server.knowledge.splitting import split
from mdsa_server.knowledge.stop_words import stop_words
from mdsa_server.knowledge.token_count import counter
from mdsa_server.settings import KnowledgeSettings
from mdsa_server.store.database import Database
from mdsa_server.store.document_rows import NewDocument, NewPassage
from mdsa_server.store.documents import Documents
from mdsa_server.store.vector_index import VectorIndex

Vectors = NDArray[np.float32]

MANY, MORE = 100_000, 500_000
QUERIES = 200
"""Of each kind; every second warms up, the others are timed."""
NOISE = 0.1
"""Its length, where a vector's is 1."""
DOCUMENT = 50
"""Passages of each document that is inserted."""
BULK = 20
"""Documents that are inserted in one transaction, in bulk."""
COPY_SECONDS = 120.0
EMBEDDED_AT_ONCE = 256
STORES = {"vector": "signs in memory", "plain": "all scored", "vec0": "vec0", "chroma": "Chroma"}
AMONG_MORE = ("vector", "vec0")
"""What is measured with 500,000."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--without-500k", action="store_true", help="leave the 500,000 vectors out")
    options = parser.parse_args()
    shared = Path(os.environ.get("MDSA_SHARED", "../shared")) / "data"
    if not shared.is_dir():
        sys.exit(f"There is no {shared}; name the folder that holds data/cranfield and data/clinc150 in MDSA_SHARED.")
    with tempfile.TemporaryDirectory(prefix="mdsa-retrieval-") as folder:
        figures = measure(shared, Path(folder), (MANY,) if options.without_500k else (MANY, MORE))
    if options.json:
        print(json.dumps(figures))


def measure(shared: Path, folder: Path, counts: Sequence[int]) -> dict[str, Any]:
    """Give all figures, and print the tables as they come."""
    figures, base, texts = asyncio.run(prepare(shared, folder))
    print(f"\n{'vectors':>9}  {'store':<18}{'p50 ms':>9}{'p95 ms':>9}{'recall':>9}{'added MB':>10}")
    for count in counts:
        figures |= speed(folder / str(count), base, texts, count, STORES if count == MANY else AMONG_MORE)
    return figures


async def prepare(shared: Path, folder: Path) -> tuple[dict[str, Any], Vectors, list[str]]:
    """Give the figures of quality, and the vectors and texts to grow; leave the queries in the folder."""
    documents, _ = read_documents(shared / "cranfield" / "documents.jsonl")
    questions, _ = read_questions(shared / "cranfield" / "questions.jsonl", documents)
    messages = [told(shared / "clinc150" / f"{name}.jsonl") for name in ("train", "val")]
    base: list[Vectors] = []
    embedder = Embedder("auto", offline=True, threads=0, cache=None, copies=folder)

    async def embed(texts: Sequence[str]) -> Vectors:
        made = await embedder.embed_passages(texts)
        base.append(made)
        return made

    try:
        await small_copy(embedder)
        reports = {
            "passages": await quality(
                documents, questions, folder / "passages.sqlite3", embedder, embed, as_split(embedder)
            ),
            "whole": await quality(documents, questions, folder / "whole.sqlite3", embedder, embed, whole),
        }
        for start in range(0, len(messages[0]), EMBEDDED_AT_ONCE):
            await embed(messages[0][start : start + EMBEDDED_AT_ONCE])
        asked = [question.question for question in questions[:QUERIES]]
        queries = await embedder.embed_passages([*asked, *messages[1][:QUERIES]])
    finally:
        await embedder.close()
    figures: dict[str, Any] = {
        f"{measure}{'' if name == 'passages' else '_whole'}": rounded(getattr(made, measure))
        for name, made in reports.items()
        for measure in ("ndcg10", "recall10")
    }
    (folder / "questions.json").write_text(json.dumps(asked), "utf-8")
    np.save(folder / "asked.npy", queries[: len(asked)])
    # By turns, so that both halves hold both kinds.
    np.save(folder / "warming.npy", queries[::2])
    np.save(folder / "queries.npy", queries[1::2])
    return figures, np.concatenate(base), [document.text for document in documents if document.text]


# --- quality


async def quality(
    documents: Sequence[TriedDocument],
    questions: Sequence[TriedQuestion],
    file: Path,
    embedder: Embedder,
    embed: EmbedPassages,
    split_with: Split,
) -> RetrievalReport:
    database = await Database.open(file)
    try:
        library = TriedLibrary(database, embed, stop_words(("english",)))
        await library.fill(documents, split_with, lambda _: None)
        asked = [one async for one in library.ask(questions, embedder.embed)]
    finally:
        await database.close()
    made = report(asked, documents=len(documents), passages=len(library.names))
    for measure, name in (("ndcg10", "nDCG@10"), ("recall10", "recall@10")):
        cells = "".join(f"{stage:>9} {value:.3f}" for stage, value in getattr(made, measure).items())
        print(f"{file.stem:<10}{name:<10}{cells}", flush=True)
    return made


async def small_copy(embedder: Embedder) -> None:
    """Wait until messages are embedded as a server embeds them, which has its copy of the model."""
    await embedder.embed(["The first message has the copy made."])
    deadline = time.monotonic() + COPY_SECONDS
    while embedder.query_fingerprint == embedder.fingerprint:  # nothing but the name tells of it
        if time.monotonic() > deadline:
            sys.exit(f"There was no copy of the embedding model within {COPY_SECONDS:g} s.")
        await asyncio.sleep(0.2)


def as_split(embedder: Embedder) -> Split:
    most = KnowledgeSettings().passage_tokens
    count = counter(embedder.tokenizer, most)
    return lambda document: split(document, count, most)


def rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {stage: round(value, 4) for stage, value in values.items()}


def told(file: Path) -> list[str]:
    return [json.loads(line)["text"] for line in file.read_text("utf-8").splitlines()]


# --- speed


def speed(folder: Path, base: Vectors, texts: Sequence[str], count: int, stores: Iterable[str]) -> dict[str, float]:
    """Fill stores with so many vectors, and measure each in a process of its own."""
    rng = np.random.default_rng(7)
    folder.mkdir()
    for name in ("asked.npy", "warming.npy", "queries.npy", "questions.json"):
        (folder / name).symlink_to(folder.parent / name)
    vectors = grown(base, count, rng)
    np.save(folder / "vectors.npy", vectors)
    np.save(folder / "nearest.npy", nearest(vectors, np.load(folder / "queries.npy")))
    inserted = asyncio.run(fill(folder / "ours.sqlite3", vectors, texts, rng))
    short = f"{count // 1000}k"
    figures: dict[str, float] = {f"inserted_per_s_{kind}_{short}": round(rate) for kind, rate in inserted.items()}
    for store in stores:
        found = ran(store, folder)
        if found is None:
            print(f"{count:>9,}  {STORES[store]:<18} not measured: it is not installed", flush=True)
            continue
        print(
            f"{count:>9,}  {STORES[store]:<18}{found['p50_ms']:>9.2f}{found['p95_ms']:>9.2f}{found['recall']:>9.3f}"
            f"{found['added_mb']:>10.0f}",
            flush=True,
        )
        figures |= {f"{store}_{key}_{short}": round(value, 4) for key, value in found.items()}
    if count == MANY and (both := ran("hybrid", folder)):
        print(f"{count:>9,}  words and meaning {both['hybrid_p50_ms']:.1f} ms, words {both['words_p50_ms']:.1f} ms")
        figures |= {f"{key}_{short}": round(value, 2) for key, value in both.items()}
    print(f"{count:>9,}  inserted a second: live {inserted['live']:,.0f}, in bulk {inserted['bulk']:,.0f}")
    return figures


def ran(store: str, folder: Path) -> dict[str, float] | None:
    """Measure one store; None where it is not installed."""
    command = [sys.executable, "-m", "benchmarks.vector_stores", store, str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode == NOT_INSTALLED:
        return None
    done.check_returncode()
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def grown(base: Vectors, count: int, rng: np.random.Generator) -> Vectors:
    """Give so many unit vectors: those there are, and mixtures of two of them with noise."""
    made = [base[:count]]
    for start in range(len(base), count, len(base)):
        number = min(len(base), count - start)
        one, other = base[rng.integers(len(base), size=(2, number))]
        share = rng.uniform(0.2, 0.8, size=(number, 1))
        noise = rng.standard_normal(one.shape) * NOISE / np.sqrt(one.shape[1])
        mixed = share * one + (1 - share) * other + noise
        made.append((mixed / np.linalg.norm(mixed, axis=1, keepdims=True)).astype(np.float32))
    return np.concatenate(made)


def nearest(vectors: Vectors, queries: Vectors) -> NDArray[np.int64]:
    """Give the ten nearest of each query, by exact scores, as ids from 1."""
    return np.stack([np.argsort(-(vectors @ query), kind="stable")[:FOUND] + 1 for query in queries])


async def fill(file: Path, vectors: Vectors, texts: Sequence[str], rng: np.random.Generator) -> dict[str, float]:
    """Insert passages in documents: one by one, as a server does, and many at once. Gives passages a second of each."""
    halves = [part for text in texts for part in (text[: len(text) // 2], text[len(text) // 2 :])]
    database = await Database.open(file)
    documents = Documents(database, VectorIndex(database, FINGERPRINT))
    taken = {"live": [0.0, 0], "bulk": [0.0, 0]}
    try:
        for start in range(0, len(vectors), DOCUMENT * BULK):
            part = vectors[start : start + DOCUMENT * BULK]
            batch = [
                (document(f"{start + first}", len(rows), halves, rng), rows)
                for first in range(0, len(part), DOCUMENT)
                for rows in [part[first : first + DOCUMENT]]
            ]
            kind = "live" if (start // (DOCUMENT * BULK)) % 2 == 0 else "bulk"
            began = time.perf_counter()
            for few in [[one] for one in batch] if kind == "live" else [batch]:
                await documents.save(few)
            taken[kind][0] += time.perf_counter() - began
            taken[kind][1] += len(part)
    finally:
        await database.close()
    return {kind: count / seconds for kind, (seconds, count) in taken.items()}


def document(source: str, passages: int, halves: Sequence[str], rng: np.random.Generator) -> NewDocument:
    pairs = rng.integers(len(halves), size=(passages, 2))
    return NewDocument(
        collection="benchmark",
        source=source,
        title="Grown",
        type="text",
        bytes=0,
        content_hash="",
        modified=0.0,
        passages=tuple(NewPassage(text=halves[one] + halves[other]) for one, other in pairs),
    )


if __name__ == "__main__":
    main()
