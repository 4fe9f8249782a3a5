"""An ingestion that is cancelled, or that fails, leaves whole documents that are found at once."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from mdsa_server.vocabulary.ingestion import DocumentIngested, IngestionFailed
from tests.knowledge.libraries import Bench, opened


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    (tmp_path / "data").mkdir()
    async with opened(tmp_path / "data") as bench:
        yield bench


class HeldSave:
    """Holds up, in the writer's thread, the first document that is saved."""

    def __init__(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.may_go_on = threading.Event(), threading.Event()
        insert: Callable[..., Any] = bench.library._index.insert

        def held(*arguments: Any) -> Any:
            self.begun.set()
            self.may_go_on.wait(10)
            return insert(*arguments)

        monkeypatch.setattr(bench.library._index, "insert", held)


async def is_whole_and_found(bench: Bench) -> bool:
    """Whether all that is kept is in memory as well, and was told."""
    told = {event.document for event in bench.events if isinstance(event, DocumentIngested)}
    kept = {document.id for document in await bench.library.documents.find()}
    passages = sum(document.passages for document in await bench.library.documents.find())
    held = len(bench.library._index._signs.of_collections(None)) if bench.library._index._signs else -1
    return told == kept and held == passages


async def test_a_document_that_is_being_kept_is_kept_whole(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lamp.txt").write_text("The lamp needs oil.")
    save = HeldSave(bench, monkeypatch)
    adding = asyncio.create_task(bench.add(tmp_path / "lamp.txt"))
    await asyncio.to_thread(save.begun.wait, 10)
    adding.cancel()
    await asyncio.sleep(0.05)
    assert not adding.done()
    save.may_go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await adding
    assert await is_whole_and_found(bench)
    assert set((await bench.search("lamp oil"))[0].scores) == {"bm25", "cosine", "feedback", "fusion", "words"}


async def test_what_fails_for_all_waits_for_what_is_being_kept(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number:02}.txt").write_text(f"Note {number} about lamps.")
    save = HeldSave(bench, monkeypatch)
    adding = asyncio.create_task(bench.add(folder))
    await asyncio.to_thread(save.begun.wait, 10)
    bench.embedding.broken = True
    await asyncio.sleep(0.2)
    save.may_go_on.set()
    end = await adding
    assert isinstance(end, IngestionFailed)
    assert end.problem.code == "embedder-unavailable"
    assert await is_whole_and_found(bench)
    assert 1 <= len(await bench.library.documents.find()) < 12
