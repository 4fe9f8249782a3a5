"""What takes a known file's place, or has an odd name or time, costs that document alone and nobody's patience."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mdsa_server.errors import DocumentUnreadable
from mdsa_server.vocabulary.ingestion import DocumentIngested, DocumentRefused
from tests.knowledge.libraries import PUMP, Bench, finished, opened

NOTE = "The stove burns dry wood."


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    (tmp_path / "data").mkdir()
    async with opened(tmp_path / "data") as bench:
        yield bench


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "manuals"
    folder.mkdir()
    (folder / "pump.md").write_text(PUMP)
    (folder / "stove.txt").write_text(NOTE)
    return folder


def refusals(bench: Bench) -> dict[str, DocumentRefused]:
    return {Path(event.source).name: event for event in bench.events if isinstance(event, DocumentRefused)}


@pytest.mark.parametrize("kind", ["pipe", "device", "nothing", "too much"])
async def test_what_takes_the_place_of_a_known_file_is_refused_and_what_was_taken_in_stays(
    bench: Bench, folder: Path, kind: str
) -> None:
    await bench.sync(folder)
    known = folder / "stove.txt"
    known.unlink()
    match kind:
        case "pipe":
            os.mkfifo(known)
        case "device":
            known.symlink_to("/dev/zero")
        case "nothing":
            known.write_bytes(b"")
        case _:
            with known.open("wb") as file:
                file.truncate(10_000_000_000)
    async with asyncio.timeout(20):
        end = finished(await bench.sync(folder))
        assert (end.unchanged, end.refused, end.gone) == (1, 1, 0)
        assert finished(await bench.add(folder / "pump.md")).unchanged == 1
    assert "stays, and is found" in refusals(bench)["stove.txt"].problem.mend
    assert NOTE in (await bench.search("stove"))[0].text


async def test_a_file_whose_name_is_no_text_is_refused_alone(bench: Bench, folder: Path) -> None:
    (folder / os.fsdecode(b"k\xe4uze.md")).write_text(PUMP)
    for end in (finished(await bench.sync(folder)), finished(await bench.add(folder))):
        assert (end.new + end.unchanged, end.refused) == (2, 1)
    (refused,) = refusals(bench).values()
    assert "is not UTF-8" in refused.problem.detail


async def test_what_nobody_foresaw_of_one_document_refuses_that_one(
    bench: Bench, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = bench.embedding._vector

    def stumble(text: str) -> object:
        if "stove" in text:
            raise ZeroDivisionError
        return make(text)

    monkeypatch.setattr(bench.embedding, "_vector", stumble)
    end = finished(await bench.add(folder))
    assert (end.new, end.refused) == (1, 1)
    assert refusals(bench)["stove.txt"].problem.code == "unexpected"


async def test_one_file_under_many_names_is_one_document(bench: Bench, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    for path in (folder / "pump.md", f"{folder}/../manuals/pump.md", tmp_path / "link" / "pump.md", tmp_path / "link"):
        await bench.add(path)
    await bench.sync(tmp_path / "link")
    end = finished(await bench.sync(Path(f"{folder}/../manuals")))
    assert (end.unchanged, end.gone) == (2, 0)
    sources = [document.source for document in await bench.library.documents.find()]
    assert sources == [str(folder / "pump.md"), str(folder / "stove.txt")]


async def test_a_sync_leaves_what_was_added_by_name(bench: Bench, folder: Path) -> None:
    (folder / "LICENSE").write_text("Do what you like.")
    await bench.add(folder / "LICENSE")
    assert finished(await bench.sync(folder)).gone == 0
    (folder / "LICENSE").unlink()
    assert finished(await bench.sync(folder)).gone == 1


async def test_a_disk_that_is_not_mounted_is_told_and_nothing_goes(bench: Bench, folder: Path) -> None:
    await bench.sync(folder)
    for name in ("pump.md", "stove.txt"):
        (folder / name).unlink()
    with pytest.raises(DocumentUnreadable, match="is empty, and 2 documents"):
        await bench.sync(folder)
    assert len(await bench.library.documents.find()) == 2


async def test_a_file_that_comes_back_before_its_turn_is_not_gone(bench: Bench, folder: Path) -> None:
    await bench.sync(folder)
    async with bench.library._one_at_a_time:
        (folder / "stove.txt").rename(folder / "away")
        waiting = asyncio.create_task(bench.sync(folder))
        await asyncio.sleep(0.05)
        (folder / "away").rename(folder / "stove.txt")
    assert finished(await waiting).gone == 0


async def test_a_document_read_anew_that_has_not_changed_is_said_so(bench: Bench, folder: Path) -> None:
    await bench.add(folder)
    (folder / "stove.txt").write_text("It burns coal now.")
    bench.events.clear()
    await bench.library.reindex("manuals", bench.events.append)
    end = finished(bench.events[-1])
    assert (end.changed, end.unchanged) == (1, 1)
    assert all(event.document for event in bench.events if isinstance(event, DocumentIngested))
