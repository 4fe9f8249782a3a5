"""Documents taken in, found, replaced and followed; with the real reader and the real database."""

from __future__ import annotations

from pathlib import Path

import pytest

from mdsa_server.errors import DocumentUnreadable
from mdsa_server.knowledge.library import PassageSearcher
from mdsa_server.vocabulary.ingestion import (
    DocumentGone,
    DocumentIngested,
    DocumentRefused,
    IngestionFailed,
    IngestionStarted,
)
from tests.knowledge.libraries import PUMP, Bench, Embedding, finished, opened


def bytes_in(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


async def test_a_folder_is_taken_in_and_found_by_words_and_meaning(bench: Bench, folder: Path) -> None:
    end = finished(await bench.add(folder))
    assert (end.new, end.changed, end.unchanged, end.refused) == (2, 0, 0, 0)
    first = (await bench.search("how is the bearing oiled"))[0]
    assert "Oil the bearing" in first.text
    assert (first.title, first.source, first.collection) == ("The pump", str(folder / "pump.md"), "manuals")
    assert first.heading == (), "the heading that is its title is not said twice"
    assert set(first.scores) == {"bm25", "cosine", "feedback", "fusion", "words"}


async def test_its_events_tell_how_far_it_is(bench: Bench, folder: Path) -> None:
    await bench.add(folder)
    started, *told, _ = bench.events
    assert isinstance(started, IngestionStarted)
    assert (started.documents, started.bytes) == (2, bytes_in(folder))
    assert sum(event.bytes for event in told if isinstance(event, DocumentIngested)) == started.bytes


async def test_the_passages_of_a_document_put_together_are_its_text(bench: Bench, folder: Path) -> None:
    await bench.add(folder / "pump.md")
    (document,) = await bench.library.documents.find()
    _, passages = await bench.library.documents.read(document.id)
    assert "".join(passage.text for passage in passages) == PUMP
    assert len(passages) > 1


async def test_what_has_not_changed_is_not_read_again(bench: Bench, folder: Path) -> None:
    await bench.add(folder)
    asked = len(bench.embedding.asked)
    (folder / "pump.md").touch()
    end = finished(await bench.add(folder))
    assert (end.unchanged, end.new, end.changed) == (2, 0, 0)
    assert len(bench.embedding.asked) == asked


async def test_of_a_changed_document_only_what_is_new_is_embedded(bench: Bench, folder: Path) -> None:
    await bench.add(folder)
    asked = len(bench.embedding.asked)
    (folder / "pump.md").write_text(PUMP.replace("first frost", "first snow"))
    end = finished(await bench.add(folder))
    assert (end.changed, end.unchanged) == (1, 1)
    assert [text for text in bench.embedding.asked[asked:] if "first snow" not in text] == []
    assert "first snow" in (await bench.search("drain the pump"))[0].text
    assert len(await bench.library.documents.find()) == 2


async def test_a_synced_folder_loses_what_is_gone_and_leaves_others_alone(
    bench: Bench, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.md"
    other.write_text("A document from elsewhere.")
    await bench.add(other)
    await bench.sync(folder)
    (folder / "stove.txt").unlink()
    (folder / "new.md").write_text("The lamp needs oil as well.")
    end = finished(await bench.sync(folder))
    assert (end.new, end.gone, end.unchanged) == (1, 1, 1)
    assert [event.source for event in bench.events if isinstance(event, DocumentGone)] == [str(folder / "stove.txt")]
    sources = [document.source for document in await bench.library.documents.find()]
    assert sources == sorted(map(str, (folder / "new.md", folder / "pump.md", other)))


async def test_a_bad_file_is_refused_with_its_reason_and_the_others_are_taken_in(bench: Bench, folder: Path) -> None:
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 and then nothing")
    (folder / "empty.md").write_text("")
    (folder / "huge.txt").write_text("x" * 200_000)
    end = finished(await bench.add(folder))
    assert (end.new, end.refused) == (2, 3)
    refused = {Path(event.source).name: event for event in bench.events if isinstance(event, DocumentRefused)}
    assert sorted(refused) == ["broken.pdf", "empty.md", "huge.txt"]
    assert all(event.problem.code == "document-unreadable" and event.problem.mend for event in refused.values())
    assert [document.title for document in await bench.library.documents.find()] == ["The pump", "stove"]


async def test_a_file_that_breaks_keeps_what_was_taken_in_before(bench: Bench, folder: Path) -> None:
    await bench.add(folder)
    (folder / "pump.md").write_bytes(b"")
    assert finished(await bench.add(folder)).refused == 1
    assert "Oil the bearing" in (await bench.search("bearing"))[0].text


async def test_a_path_that_leads_nowhere_takes_nothing_in(bench: Bench, folder: Path) -> None:
    with pytest.raises(DocumentUnreadable):
        await bench.add(folder, folder / "missing.md")
    assert await bench.library.documents.find() == []


async def test_without_an_embedder_the_ingestion_fails_as_a_whole_and_says_why(bench: Bench, folder: Path) -> None:
    bench.embedding.broken = True
    end = await bench.add(folder)
    assert isinstance(end, IngestionFailed)
    assert end.problem.code == "embedder-unavailable"


async def test_without_an_encoder_documents_are_found_by_their_words(tmp_path: Path, folder: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.add(folder)
    missing = Embedding()
    missing.broken = True
    async with opened(tmp_path, missing) as bench:
        assert "chimney" in (await bench.search("sweep the chimney"))[0].text


async def test_a_plugin_searches_with_its_own_vector_or_has_one_made(bench: Bench, folder: Path) -> None:
    await bench.add(folder)
    asked: list[str] = []

    async def embed(texts: list[str], *, cached: bool = False) -> object:
        asked.extend(texts)
        return await bench.embedding(texts)

    searcher = PassageSearcher(bench.library, embed)  # type: ignore[arg-type]  # a list is a sequence
    (first, *_) = await searcher("sweep the chimney", collections=["manuals"], most=1)
    assert "chimney" in first.text
    assert asked == ["sweep the chimney"]


async def test_a_collection_is_read_anew_and_what_has_no_file_any_more_stays(bench: Bench, folder: Path) -> None:
    await bench.add(folder)
    (folder / "stove.txt").unlink()
    bench.events.clear()
    await bench.library.reindex("manuals", bench.events.append)
    end = finished(bench.events[-1])
    assert (end.changed, end.unchanged, end.passages > 0) == (0, 1, True), "it was read, and held what it held"
    assert len(await bench.library.documents.find()) == 2


async def test_tags_are_given_changed_taken_away_or_left_as_they_are(bench: Bench, folder: Path) -> None:
    pump = folder / "pump.md"
    for tags, outcome, kept in (
        (("old",), "new", ("old",)),
        (None, "unchanged", ("old",)),
        (("new", "x"), "changed", ("new", "x")),
        (("new", "x"), "unchanged", ("new", "x")),
        ((), "changed", ()),
    ):
        end = finished(await bench.add(pump, tags=tags))
        assert getattr(end, outcome) == 1, tags
        assert (await bench.library.documents.find())[0].tags == kept


async def test_where_nothing_embeds_any_more_words_still_find(bench: Bench, folder: Path) -> None:
    await bench.add(folder)
    bench.embedding.broken = True
    found = await bench.search("sweep the chimney")
    assert set(found[0].scores) == {"bm25", "fusion", "words"}
