"""Passages without vectors of the present embedding model get them in the background; how far that is, is told."""

import asyncio
from pathlib import Path

import pytest

from mdsa_server.errors import EmbedderUnavailable
from mdsa_server.store.vector_index import Vectors
from tests.knowledge.libraries import PUMP, Embedding, finished, opened

ALL_STAGES = {"bm25", "cosine", "feedback", "fusion", "words"}


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """Two documents, taken in with another encoder."""
    folder = tmp_path / "manuals"
    folder.mkdir()
    (folder / "pump.md").write_text(PUMP)
    (folder / "stove.txt").write_text("The stove burns dry wood. Sweep its chimney once a year.")
    async with opened(tmp_path) as bench:
        await bench.add(folder)
    return folder


async def test_another_encoder_is_searched_by_words_until_all_vectors_are_made_anew(
    tmp_path: Path, folder: Path
) -> None:
    async with opened(tmp_path, Embedding("letters-2")) as bench:
        assert await bench.library.lacking() > 0
        assert set((await bench.search("bearing"))[0].scores) == {"bm25", "fusion", "words"}
        assert bench.library.embedding is None, "it has not begun"
        await bench.library.fill()
        assert bench.library.embedding is None
        assert await bench.library.lacking() == 0
        assert set((await bench.search("bearing"))[0].scores) == ALL_STAGES
        tables = await bench.database.read(lambda db: db.execute("select fingerprint from vector_indexes").fetchall())
        assert tables == [("letters-2",)]


async def test_it_is_told_how_far_it_is(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mdsa_server.knowledge.filling.FILLED_AT_ONCE", 1)
    told: list[tuple[int, int]] = []
    async with opened(tmp_path, Embedding("letters-2")) as bench:
        make = bench.embedding._vector

        def vector(text: str) -> Vectors:
            if (embedding := bench.library.embedding) is not None:
                told.append((embedding.done, embedding.of))
            return make(text)

        monkeypatch.setattr(bench.embedding, "_vector", vector)
        passages = await bench.library.lacking()
        await bench.library.fill()
    assert told == [(done, passages) for done in range(passages)]
    assert passages > 1


async def test_an_embedder_that_comes_later_is_waited_for(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mdsa_server.knowledge.library.PAUSE_SECONDS", 0.01)
    embedding = Embedding("letters-2")
    async with opened(tmp_path, embedding) as bench:
        embedding.broken = True
        filling = asyncio.create_task(bench.library.fill())
        await asyncio.sleep(0.05)
        assert not filling.done()
        assert set((await bench.search("bearing"))[0].scores) == {"bm25", "fusion", "words"}
        embedding.broken = False
        async with asyncio.timeout(10):
            await filling
        assert set((await bench.search("bearing"))[0].scores) == ALL_STAGES


async def test_a_passage_that_is_never_embedded_keeps_none_of_the_others_from_it(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, Embedding("letters-2")) as bench:
        make = bench.embedding._vector

        def vector(text: str) -> Vectors:
            if "chimney" in text:
                raise EmbedderUnavailable("it is too much for it")
            return make(text)

        monkeypatch.setattr(bench.embedding, "_vector", vector)
        async with asyncio.timeout(10):
            await bench.library.fill()
        assert set((await bench.search("bearing"))[0].scores) == ALL_STAGES
        assert await bench.library.lacking() == 1


async def test_an_encoder_that_changes_while_the_server_runs_is_noticed(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mdsa_server.knowledge.library.LOOK_SECONDS", 0.01)
    embedding = Embedding()
    async with opened(tmp_path, embedding) as bench:
        embedding.name = "letters-2"
        monkeypatch.setattr("tests.knowledge.libraries.DIMENSIONS", 128)
        # Not noticed yet: the vectors have another length.
        assert "bearing" in (await bench.search("bearing"))[0].text
        keeping = asyncio.create_task(bench.library.keep_filled())
        async with asyncio.timeout(10):
            while "cosine" not in (await bench.search("bearing"))[0].scores:  # noqa: ASYNC110  # only a search tells
                await asyncio.sleep(0.01)
        keeping.cancel()
        assert set((await bench.search("bearing"))[0].scores) == ALL_STAGES
        assert await bench.library.lacking() == 0


async def test_an_encoder_that_changed_is_noticed_by_what_is_taken_in(tmp_path: Path, folder: Path) -> None:
    embedding = Embedding()
    async with opened(tmp_path, embedding) as bench:
        embedding.name = "letters-2"
        (folder / "lamp.txt").write_text("The lamp needs oil.")
        assert finished(await bench.add(folder / "lamp.txt")).new == 1
        assert await bench.library.lacking() > 0
        await bench.library.fill()
        assert set((await bench.search("lamp"))[0].scores) == ALL_STAGES


async def test_a_passage_of_which_nothing_is_made_is_set_aside_and_refused_in_a_new_document(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, Embedding("letters-2")) as bench:
        make = bench.embedding._vector
        monkeypatch.setattr(bench.embedding, "_vector", lambda text: make(text) * ("chimney" not in text))
        await bench.library.fill()
        assert set((await bench.search("bearing"))[0].scores) == ALL_STAGES
        assert "chimney" in (await bench.search("chimney"))[0].text, "as a message has no vector either"
        (folder / "new.txt").write_text("Another chimney.")
        assert finished(await bench.add(folder / "new.txt")).refused == 1


async def test_an_encoder_that_several_wait_for_is_opened_once(tmp_path: Path, folder: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.add(folder)
    embedding = Embedding()
    embedding.broken = True
    async with opened(tmp_path, embedding) as bench:
        embedding.broken = False
        await asyncio.gather(bench.library.fill(), bench.add(folder), bench.add(folder))
        held = len(bench.library._index._signs or ())
        kept = sum(document.passages for document in await bench.library.documents.find())
        assert held == kept
