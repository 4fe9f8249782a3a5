"""Documents and passages in a real database, with vectors of the test's own."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from mdsa_server.errors import UnknownDocument
from mdsa_server.store.database import Database
from mdsa_server.store.document_rows import NewDocument, NewPassage
from mdsa_server.store.documents import Documents
from mdsa_server.store.passages import Passages, words_of
from mdsa_server.store.vector_index import VectorIndex, Vectors
from mdsa_server.vocabulary.documents import PassageFilter

ALL = PassageFilter()


@pytest.fixture
def index(database: Database) -> VectorIndex:
    return VectorIndex(database, "encoder-1")


@pytest.fixture
def documents(database: Database, index: VectorIndex) -> Documents:
    return Documents(database, index)


@pytest.fixture
def passages(database: Database) -> Passages:
    return Passages(database)


def document(source: str, *texts: str, collection: str = "manuals", **facts: object) -> NewDocument:
    given: dict[str, object] = {
        "title": source.partition(".")[0],
        "type": "markdown",
        "bytes": sum(map(len, texts)),
        "content_hash": str(hash(texts)),
        "modified": 1_700_000_000.0,
        **facts,
    }
    made = tuple(NewPassage(text=text, heading=("Care",)) for text in texts)
    return NewDocument(collection=collection, source=source, passages=made, **given)  # type: ignore[arg-type]  # the test gives what fits


def along(*axes: int) -> Vectors:
    """Unit vectors of 64 dimensions, each mostly along one axis."""
    rows = np.full((len(axes), 64), -0.01, np.float32)
    rows[np.arange(len(axes)), axes] = 1.0
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


async def test_a_document_is_read_as_it_was_saved(documents: Documents) -> None:
    made = document("pump.md", "Oil the pump. \n\n", "Close the valve.", tags=("water",), title="The pump")
    (identifier,) = await documents.save([(made, along(0, 1))])
    kept, passages = await documents.read(identifier)
    assert (kept.title, kept.source, kept.collection, kept.tags) == ("The pump", "pump.md", "manuals", ("water",))
    assert (kept.passages, kept.modified) == (2, datetime.fromtimestamp(1_700_000_000, UTC))
    assert "".join(passage.text for passage in passages) == "Oil the pump. \n\nClose the valve."
    assert [passage.heading for passage in passages] == [("Care",), ("Care",)]


async def test_a_source_saved_again_replaces_what_was_there(
    documents: Documents, passages: Passages, index: VectorIndex
) -> None:
    (first,) = await documents.save([(document("pump.md", "Oil it weekly."), along(0))])
    (second,) = await documents.save([(document("pump.md", "Grease it yearly."), along(1))])
    with pytest.raises(UnknownDocument):
        await documents.read(first)
    assert [one.id for one in await documents.find()] == [second]
    assert await passages.search_words("oil", 10, ALL) == []
    assert len(await index.nearest(along(0)[0], 10, ALL)) == 1


async def test_a_deleted_document_is_found_no_more(
    documents: Documents, passages: Passages, index: VectorIndex, database: Database
) -> None:
    kept, gone = await documents.save(
        [(document("a.md", "the red lamp"), along(0)), (document("b.md", "the red door"), along(1))]
    )
    await documents.delete(gone)
    ((found, _),) = await passages.search_words("red", 10, ALL)
    assert (await passages.read([found]))[found].document == kept
    assert [passage for passage, _ in await index.nearest(along(1)[0], 10, ALL)] == [found]
    rows = await database.read(lambda db: db.execute("select count(*) from vectors_1").fetchall())
    assert rows == [(1,)]


async def test_words_find_their_passages_rare_ones_first(documents: Documents, passages: Passages) -> None:
    await documents.save(
        [
            (document("a.md", "pumps and valves", "a pump", "a pump"), along(0, 1, 2)),
            (document("b.md", "the turbine"), along(3)),
        ]
    )
    found = await passages.search_words("Pumping the turbine?", 10, ALL, {"the"})
    read = await passages.read([identifier for identifier, _ in found])
    assert read[found[0][0]].passage.text == "the turbine"
    assert len(found) == 4
    assert found == sorted(found, key=lambda one: -one[1])


async def test_the_title_counts_for_each_passage(documents: Documents, passages: Passages) -> None:
    await documents.save([(document("a.md", "oil", "grease", title="Turbine"), along(0, 1))])
    assert len(await passages.search_words("turbine", 10, ALL)) == 2


@pytest.mark.parametrize(
    "message", ["", "?!", '"', "a AND", "x:y", "NEAR(", "col : (", "'; drop table documents", "\ud800"]
)
async def test_no_message_breaks_a_search_by_words(documents: Documents, passages: Passages, message: str) -> None:
    await documents.save([(document("lamp.md", "plain"), along(0))])
    assert await passages.search_words(message, 10, ALL) == []


async def test_letters_beyond_ascii_are_found_as_they_are_written(documents: Documents, passages: Passages) -> None:
    await documents.save([(document("a.md", "Die Straße nach Łódź"), along(0))])
    for word in ("straße", "STRASSE?", "Łódź", "ŁÓDŹ", "lodz"):
        found = await passages.search_words(word, 10, ALL)
        assert len(found) == (0 if word in ("STRASSE?", "lodz") else 1), word


def test_stop_words_are_passed_over_unless_there_are_no_others() -> None:
    assert words_of("what is the pump", {"what", "is", "the"}) == ['"pump"']
    assert words_of("what is the", {"what", "is", "the"}) == ['"what"', '"is"', '"the"']


async def test_among_many_passages_words_that_most_of_them_have_are_passed_over(
    documents: Documents, passages: Passages, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ("pump oil", "pump grease", "pump and valve", "a valve")
    await documents.save([(document(f"{place}.md", text), along(place)) for place, text in enumerate(texts)])

    async def found(message: str) -> int:
        return len(await passages.search_words(message, 10, ALL))

    assert await found("pump oil") == 3
    monkeypatch.setattr("mdsa_server.store.passages.MANY_PASSAGES", len(texts))
    assert await found("pump oil") == 1
    assert await found("pump") == 3  # there is no other word
    assert await found("pump turbine") == 3  # nor one that any passage has


@pytest.mark.parametrize("in_memory", [True, False])
async def test_a_filter_narrows_both_searches(database: Database, passages: Passages, in_memory: bool) -> None:
    index = VectorIndex(database, "encoder-1", in_memory=in_memory)
    documents = Documents(database, index)
    await documents.save(
        [
            (document("a/one.md", "lamp", tags=("x", "y")), along(0)),
            (document("a/two.py", "lamp", type="code", tags=("x",), modified=1_800_000_000.0), along(0)),
            (document("b/three.md", "lamp", collection="others"), along(0)),
        ]
    )
    for wanted, sources in (
        (PassageFilter(collections=("manuals",)), ["a/one.md", "a/two.py"]),
        (PassageFilter(collections=("others", "none")), ["b/three.md"]),
        (PassageFilter(collections=()), []),
        (PassageFilter(source="a/*"), ["a/one.md", "a/two.py"]),
        (PassageFilter(types=("code", "pdf")), ["a/two.py"]),
        (PassageFilter(tags=("x", "y")), ["a/one.md"]),
        (PassageFilter(since=datetime(2026, 1, 1, tzinfo=UTC)), ["a/two.py"]),
        (PassageFilter(until=datetime(2026, 1, 1, tzinfo=UTC)), ["a/one.md", "b/three.md"]),
    ):
        for found in (await passages.search_words("lamp", 10, wanted), await index.nearest(along(0)[0], 10, wanted)):
            read = await passages.read([identifier for identifier, _ in found])
            assert sorted(one.source for one in read.values()) == sources, wanted


@pytest.mark.parametrize("in_memory", [True, False])
async def test_the_likest_vectors_come_first_with_their_cosines(database: Database, in_memory: bool) -> None:
    index = VectorIndex(database, "encoder-1", in_memory=in_memory)
    await Documents(database, index).save([(document("a.md", *"abc"), along(0, 1, 2))])
    found = await index.nearest(along(1)[0], 2, ALL)
    assert found[0][0] == 2
    assert [round(cosine, 3) for _, cosine in found] == [1.0, round(float(along(0)[0] @ along(1)[0]), 3)]


async def test_what_was_kept_is_found_after_a_restart(tmp_path: Path) -> None:
    for start in (1, 2):
        database = await Database.open(tmp_path / "kept.sqlite3")
        index = VectorIndex(database, "encoder-1")
        await index.open()
        if start == 1:
            await Documents(database, index).save([(document("a.md", "lamp"), along(5))])
        assert [round(cosine, 3) for _, cosine in await index.nearest(along(5)[0], 5, ALL)] == [1.0]
        await database.close()


async def test_signs_find_what_comparing_all_vectors_finds(database: Database) -> None:
    random = np.random.default_rng(4)
    centres = random.normal(size=(200, 96))
    rows = (centres[random.integers(0, 200, 12_000)] + 0.4 * random.normal(size=(12_000, 96))).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    signs, plain = VectorIndex(database, "encoder-1"), VectorIndex(database, "encoder-1", in_memory=False)
    await Documents(database, signs).save([(document("a.md", *map(str, range(12_000))), rows)])
    found = 0
    for query in rows[::600]:
        exact = {passage for passage, _ in await plain.nearest(query, 10, ALL)}
        found += len(exact & {passage for passage, _ in await signs.nearest(query, 10, ALL)})
    assert found >= 0.98 * 10 * len(rows[::600])


async def test_another_encoder_begins_without_vectors_and_fills_up(documents: Documents, database: Database) -> None:
    await documents.save([(document("a.md", "lamp", "door"), along(0, 1))])
    other = VectorIndex(database, "encoder-2")
    await other.open()
    assert await other.nearest(along(0)[0], 5, ALL) == []
    left, count = await other.unembedded(1)
    assert (count, [(one.title, one.heading, one.text) for one in left]) == (2, [("a", ("Care",), "lamp")])
    await other.fill(left, along(7))
    await other.fill((await other.unembedded(5))[0], along(8))
    assert [round(cosine, 3) for _, cosine in await other.nearest(along(8)[0], 1, ALL)] == [1.0]
    assert (await other.unembedded(5))[1] == 0
    await other.drop_others()
    tables = await database.read(lambda db: db.execute("select name from sqlite_schema where name like 'vectors_%'"))
    assert [name for (name,) in tables] == ["vectors_2"]


async def test_passages_that_were_deleted_meanwhile_are_not_filled(documents: Documents, database: Database) -> None:
    (identifier,) = await documents.save([(document("a.md", "lamp"), along(0))])
    other = VectorIndex(database, "encoder-2")
    left, _ = await other.unembedded(5)
    await documents.delete(identifier)
    await other.fill(left, along(1))
    assert await other.nearest(along(1)[0], 5, ALL) == []


async def test_documents_are_listed_by_source_page_by_page(documents: Documents) -> None:
    await documents.save([(document(f"{name}.md", "x", collection=name), along(0)) for name in "cab"])
    first = await documents.find(most=2)
    rest = await documents.find(after=first[-1].id, most=2)
    assert [one.source for one in [*first, *rest]] == ["a.md", "b.md", "c.md"]
    assert [one.source for one in await documents.find("b")] == ["b.md"]
    assert [(one.name, one.documents, one.passages) for one in await documents.collections()] == [
        ("a", 1, 1),
        ("b", 1, 1),
        ("c", 1, 1),
    ]


async def test_a_document_without_passages_can_be_kept(documents: Documents) -> None:
    (identifier,) = await documents.save([(document("empty.md"), np.empty((0, 0), np.float32))])
    assert (await documents.read(identifier))[1] == []


async def test_what_was_deleted_leaves_memory(documents: Documents, index: VectorIndex) -> None:
    for round_ in range(20):
        await documents.save([(document("a.md", *"abcd", bytes=round_), along(0, 1, 2, 3))])
    assert len(await index.nearest(along(2)[0], 10, ALL)) == 4
    assert index._signs is not None
    assert len(index._signs) <= 8
    await documents.delete((await documents.find())[0].id)
    assert await index.nearest(along(2)[0], 10, ALL) == []
    await documents.save([(document("b.md", "e"), along(5))])
    assert len(await index.nearest(along(5)[0], 10, ALL)) == 1


@pytest.mark.parametrize(("seconds", "year"), [(1e12, 9999), (-1e12, 1), (1e308, 9999), (253402300800.0, 9999)])
async def test_a_file_from_beyond_the_calendar_is_listed_and_found(
    documents: Documents, passages: Passages, seconds: float, year: int
) -> None:
    await documents.save([(document("a.md", "lamp", modified=seconds), along(0))])
    assert [one.modified.year for one in await documents.find()] == [year]
    for wanted in (ALL, PassageFilter(since=datetime(1, 1, 1)), PassageFilter(until=datetime(9999, 12, 31))):
        found = await passages.read([id_ for id_, _ in await passages.search_words("lamp", 5, wanted)])
        assert all(one.modified.year == year for one in found.values())


async def test_a_source_that_holds_signs_of_a_pattern_is_meant_itself(documents: Documents, passages: Passages) -> None:
    await documents.save([(document("[2024] a/x?.md", "lamp"), along(0))])
    for source, found in (("[2024] a/x?.md", 1), ("*/x?.md", 1), ("*.md", 1), ("2 a/x?.md", 0)):
        assert len(await passages.search_words("lamp", 5, PassageFilter(source=source))) == found, source
