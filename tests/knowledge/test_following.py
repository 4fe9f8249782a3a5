"""Folders that collections follow are taken in once, also those that a reload names, and again until it succeeds."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from mdsa_server.knowledge.following import Followed
from tests.knowledge.libraries import Embedding, opened


class Tasks:
    """Keeps what was spawned."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[None]] = []

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        self.tasks.append(asyncio.create_task(work, name=name))
        return self.tasks[-1]

    async def end(self) -> None:
        async with asyncio.timeout(20):
            await asyncio.gather(*self.tasks)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        for number in range(5):
            (folder / f"{number}.txt").write_text(f"Note {number} of {folder.name}.")
    return one, other


async def test_folders_are_taken_in_once_and_one_that_is_not_there_ends_nothing(
    tmp_path: Path, folders: tuple[Path, Path]
) -> None:
    one, other = folders
    tasks = Tasks()
    async with opened(tmp_path) as bench:
        followed = Followed(bench.library, tasks.spawn)
        assert followed.take_up([("service", one), ("service", tmp_path / "missing")]) == [one, tmp_path / "missing"]
        await tasks.end()
        assert [(one.name, one.documents) for one in await bench.library.documents.collections()] == [("service", 5)]
        assert followed.take_up([("service", one), ("other", other)]) == [other]
        assert followed.take_up([("other", other)]) == []
        assert followed.take_up([("service", one), ("other", other)]) == [one]
        await tasks.end()
        assert [(one.name, one.documents) for one in await bench.library.documents.collections()] == [
            ("other", 5),
            ("service", 5),
        ]


@pytest.mark.parametrize("fails", ["from the beginning", "in the middle"])
async def test_a_folder_is_tried_again_when_there_was_no_embedder(
    tmp_path: Path, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    monkeypatch.setattr("mdsa_server.knowledge.following.PAUSE_SECONDS", 0.05)
    embedding, tasks = Embedding(), Tasks()
    encoder = embedding.encoder

    async def known_encoder() -> str:
        return "letters-1"

    async with opened(tmp_path, embedding) as bench:
        embedding.broken = True
        if fails == "in the middle":
            monkeypatch.setattr(embedding, "encoder", known_encoder)
        Followed(bench.library, tasks.spawn).take_up([("service", folders[0])])
        await asyncio.sleep(0.2)
        assert not tasks.tasks[0].done()
        monkeypatch.setattr(embedding, "encoder", encoder)
        embedding.broken = False
        await tasks.end()
        assert len(await bench.library.documents.find("service")) == 5
