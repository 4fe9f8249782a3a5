"""What searches find: by words and by meaning, as many as were asked for, joined, and judged anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from mdsa_server.errors import PluginFault
from mdsa_server.vocabulary.passages import Passage
from tests.knowledge.libraries import PUMP, Bench


async def test_neighbouring_passages_are_joined(bench: Bench, folder: Path) -> None:
    await bench.add(folder / "pump.md")
    found = await bench.search("pump oil frost water tank winter")
    assert len(found) == 1
    assert found[0].text == PUMP.strip()


async def test_a_joined_passage_tells_its_parts_and_stands_at_the_best_of_them(bench: Bench, folder: Path) -> None:
    await bench.add(folder / "pump.md")
    (found,) = await bench.search("pump water tank; drain it before the first frost, or ice will burst its housing")
    (document,) = await bench.library.documents.find()
    _, passages = await bench.library.documents.read(document.id)
    assert [part.place for part in found.parts] == [passage.place for passage in passages]
    best = max(found.parts, key=lambda part: part.score)
    assert (found.place, found.heading) == (best.place, best.heading) == (passages[-1].place, ("Winter",))
    ends = [*(part.start for part in found.parts[1:]), len(found.text)]
    texts = [found.text[part.start : end].strip() for part, end in zip(found.parts, ends, strict=True)]
    assert texts == [passage.text.strip() for passage in passages]


async def test_as_many_as_were_asked_for_are_given_though_some_are_joined(bench: Bench, folder: Path) -> None:
    for number in range(6):
        (folder / f"oil-{number}.txt").write_text(f"Number {number * 37} speaks of oil, as its {'own ' * number} says.")
    await bench.add(folder)
    found = await bench.search("pump oil frost water tank winter", most=5)
    assert len(found) == 5
    assert max(len(one.parts) for one in found) > 1


async def test_a_rare_word_tells_though_the_meaning_does_not(bench: Bench, folder: Path) -> None:
    (folder / "codes.md").write_text("# Codes\n\n## E4711\n\nReplace the fuse F3, then press `least_cosine` again.\n")
    await bench.add(folder)
    for message in ("how is E4711?", "how is the least_cosine", "E4711"):
        assert (await bench.search(message))[0].scores["words"] > 0.8, message
    for message in ("how is the treaty of Westphalia", "least of all a cosine"):
        assert max((one.scores["words"] for one in await bench.search(message)), default=0) < 0.5, message


async def test_a_word_counts_for_less_the_more_passages_have_it(bench: Bench, folder: Path) -> None:
    for number in range(40):
        (folder / f"{number}.txt").write_text(f"Passage {number * 37} speaks of valves.")
    await bench.add(folder)
    rare, common = [(await bench.search(message))[0].scores["words"] for message in ("chimney", "valves")]
    assert rare > 0.8
    assert common < 0.6
    both = (await bench.search("valves chimney"))[0]
    assert "chimney" in both.text
    assert 0.5 < both.scores["words"] < rare


async def test_what_is_like_the_best_that_was_found_is_found_too(bench: Bench, tmp_path: Path) -> None:
    others = [f"{word} and nothing else" for word in ("stove", "oven", "lamp", "pot")]
    texts = ["zebra quagga okapi kudu", "quagga okapi kudu", *others]
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.txt").write_text(text)
    await bench.add(*(tmp_path / f"{number}.txt" for number in range(len(texts))))
    best, second, *_ = await bench.search("zebra")
    assert (best.text, second.text) == (texts[0], texts[1]), "the second shares no letters with what was looked for"
    assert second.scores["cosine"] < 0.1 < second.scores["feedback"]


async def test_what_words_alone_find_tells_how_like_the_message_it_is(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mdsa_server.knowledge.search.DEPTH", 1)
    (tmp_path / "words.txt").write_text("A bearing, among so many other parts of which there is so much to say here.")
    (tmp_path / "letters.txt").write_text("xbearing xbearing")
    await bench.add(tmp_path / "words.txt", tmp_path / "letters.txt")
    by_words = next(one for one in await bench.search("bearing") if "bm25" in one.scores)
    assert "feedback" not in by_words.scores, "it is not among the nearest"
    assert 0 < by_words.scores["cosine"] < 0.5


async def test_only_the_wanted_collections_are_searched(bench: Bench, folder: Path) -> None:
    await bench.add(folder / "pump.md", collection="water")
    await bench.add(folder / "stove.txt", collection="fire")
    assert [one.collection for one in await bench.search("pump stove oil wood", collections=("fire",))] == ["fire"]
    assert await bench.search("pump", collections=()) == []


async def test_a_reranker_has_the_last_word_and_its_score_is_told(bench: Bench, folder: Path) -> None:
    await bench.add(folder)
    asked: list[list[str]] = []

    async def rerank(message: str, passages: Sequence[Passage]) -> list[float]:
        asked.append([passage.text for passage in passages])
        return [1.0 if "chimney" in passage.text else -1.0 for passage in passages]

    assert "bearing" in (await bench.search("oil the bearing"))[0].text
    bench.library.use_reranker(rerank)
    first = (await bench.search("oil the bearing"))[0]
    assert "chimney" in first.text
    assert (first.score, first.scores["rerank"]) == (1.0, 1.0)
    assert len(asked[0]) > 1


async def test_a_reranker_that_fails_leaves_the_order_as_it_was(bench: Bench, folder: Path) -> None:
    await bench.add(folder)

    async def rerank(message: str, passages: Sequence[Passage]) -> list[float]:
        raise PluginFault("it broke")

    before = await bench.search("oil the bearing")
    bench.library.use_reranker(rerank)
    assert await bench.search("oil the bearing") == before
