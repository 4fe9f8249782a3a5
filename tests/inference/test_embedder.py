"""Texts become vectors, once where they come again, and the server never stands still for it."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from mdsa_server.errors import EmbedderUnavailable
from mdsa_server.inference.embedder import Embedder
from mdsa_server.store.database import Connection, Database
from mdsa_server.store.embeddings import EmbeddingCache


@pytest.fixture(scope="module")
def embedder() -> Iterator[Embedder]:
    """The packaged model, loaded once: importing PyTorch takes seconds."""
    embedder = Embedder("auto", offline=True, threads=0, cache=None)
    yield embedder
    asyncio.run(embedder.close())


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "mdsa.sqlite3")
    yield database
    await database.close()


async def test_vectors_have_unit_length_and_texts_of_like_meaning_are_near(embedder: Embedder) -> None:
    vectors = await embedder.embed(["a cat sat down", "the kitten is sitting", "interest rates rose again"])
    assert vectors.shape == (3, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.3


async def test_a_text_has_the_same_vector_alone_and_in_company(embedder: Embedder) -> None:
    texts = ["short", "a much longer text " * 20, "of middling length, this one"] * 15
    together = await embedder.embed(texts)
    alone = np.concatenate(await asyncio.gather(*(embedder.embed([text]) for text in texts)))
    assert np.abs(together - alone).max() < 1e-5


@pytest.mark.parametrize("text", ["", " ", "\ud800", "nul \x00 inside", "😀😀", "\n\t\u202e", "x" * 200_000])
async def test_odd_text_is_embedded_like_any_other(embedder: Embedder, text: str) -> None:
    vectors = await embedder.embed([text])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)


async def test_no_text_gives_no_vectors(embedder: Embedder) -> None:
    await embedder.embed(["something"])
    assert (await embedder.embed([])).shape == (0, 384)


async def test_the_loop_goes_on_while_texts_are_embedded(embedder: Embedder) -> None:
    await embedder.embed(["warm"])
    work = asyncio.ensure_future(embedder.embed(["some words to embed, and then some more"] * 64))
    turns_of_the_loop = 0
    while not work.done():
        await asyncio.sleep(0)
        turns_of_the_loop += 1
    assert turns_of_the_loop > 100


async def test_only_texts_that_come_again_are_kept(embedder: Embedder, database: Database) -> None:
    cache = EmbeddingCache(database)
    caching = Embedder("auto", offline=True, threads=0, cache=cache)
    made = await caching.embed(["an example", "another", "an example"], cached=True)
    await caching.embed(["a message"])
    kept = await cache.get(caching.fingerprint, ["an example", "another", "a message"])
    await caching.close()
    assert kept == {"an example": made[0].astype("<f4").tobytes(), "another": made[1].astype("<f4").tobytes()}
    assert np.array_equal(made[0], made[2])


async def test_kept_vectors_are_found_beside_new_ones_in_the_order_of_the_texts(database: Database) -> None:
    cache = EmbeddingCache(database)
    caching = Embedder("auto", offline=True, threads=0, cache=cache)
    mark = np.eye(1, 384, dtype=np.float32)
    await cache.put(caching.fingerprint, {"kept \ud800": mark.astype("<f4").tobytes()})
    vectors = await caching.embed(["new", "kept \ud800", "new too"], cached=True)
    await caching.close()
    assert np.array_equal(vectors[1], mark[0])
    assert vectors.shape == (3, 384)
    assert 0.1 < vectors[0] @ vectors[2] < 0.99


async def test_a_cache_that_fails_costs_no_answer(database: Database) -> None:
    def drop(db: Connection) -> None:
        db.execute("drop table embeddings")

    await database.write(drop)
    caching = Embedder("auto", offline=True, threads=0, cache=EmbeddingCache(database))
    with capture_logs() as logs:
        vectors = await caching.embed(["an example"], cached=True)
    await caching.close()
    assert vectors.shape == (1, 384)
    assert [line["event"] for line in logs] == ["cached vectors cannot be read", "vectors cannot be cached"]


async def test_with_a_warm_cache_pytorch_is_not_even_imported(tmp_path: Path) -> None:
    program = f"""
import asyncio, sys
from pathlib import Path
from mdsa_server.inference.embedder import Embedder
from mdsa_server.store.database import Database
from mdsa_server.store.embeddings import EmbeddingCache

async def main():
    database = await Database.open(Path({str(tmp_path)!r}) / "mdsa.sqlite3")
    embedder = Embedder("auto", offline=True, threads=0, cache=EmbeddingCache(database))
    vectors = await embedder.embed(["an example", "another"], cached=True)
    await embedder.close()
    await database.close()
    print(vectors.shape, {{"torch", "transformers", "sentence_transformers", "huggingface_hub"}} & set(sys.modules))

asyncio.run(main())
"""

    def run() -> tuple[str, str]:
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        return done.stdout.strip(), done.stderr

    cold, quiet = await asyncio.to_thread(run)
    assert "torch" in cold
    assert quiet == ""
    assert await asyncio.to_thread(run) == ("(2, 384) set()", "")


async def test_a_model_that_is_missing_is_told_to_everyone_who_asks(tmp_path: Path) -> None:
    embedder = Embedder(str(tmp_path / "none"), offline=True, threads=0, cache=None)
    for _ in range(2):
        with pytest.raises(EmbedderUnavailable, match="there is no folder") as caught:
            await embedder.embed(["hello"])
        assert caught.value.mend
    with pytest.raises(EmbedderUnavailable, match="there is no folder"):
        _ = embedder.fingerprint
    assert (await embedder.embed([])).shape == (0, 0)
    await embedder.close()


async def test_a_closed_embedder_says_so() -> None:
    embedder = Embedder("auto", offline=True, threads=0, cache=None)
    await embedder.close()
    with pytest.raises(EmbedderUnavailable, match="shutting down"):
        await embedder.embed(["hello"])
