"""Measures of a search: properties over all that may be found."""

from collections.abc import Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.evaluation.retrieval import (
    DEEPEST,
    DEPTH,
    MEASURE_NAMES,
    MEASURES,
    Asked,
    comparisons,
    first_place,
    first_places,
    mean,
    missed,
    ndcg,
    recall,
    recall_by_depth,
    reciprocal_rank,
    report,
    whole_search,
)
from mdsa_server.evaluation.retrieval_trial import read_documents

IDS = st.sampled_from("abcdefghijklmnop")
FOUND = st.lists(IDS, unique=True)
RELEVANT = st.lists(IDS, unique=True, min_size=1)


@given(FOUND, RELEVANT)
def test_every_measure_lies_between_0_and_1(found: list[str], relevant: list[str]) -> None:
    assert all(0 <= measure(found, relevant, depth) <= 1 for measure, depth in MEASURES.values())


@given(RELEVANT, FOUND)
def test_all_relevant_documents_first_is_perfect(relevant: list[str], others: list[str]) -> None:
    found = [*relevant, *(one for one in others if one not in relevant)]
    assert abs(ndcg(found, relevant) - 1) < 1e-9
    assert reciprocal_rank(found, relevant) == 1
    assert recall(found, relevant, len(relevant)) == 1


@given(FOUND, RELEVANT)
def test_nothing_relevant_among_the_first_ten_is_0(found: list[str], relevant: list[str]) -> None:
    missed = [one for one in found if one not in relevant]
    assert (ndcg(missed, relevant), recall(missed, relevant), reciprocal_rank(missed, relevant)) == (0, 0, 0)


@given(FOUND, RELEVANT, st.data())
def test_a_relevant_document_that_comes_earlier_is_never_worse(
    found: list[str], relevant: list[str], data: st.DataObject
) -> None:
    places = [place for place, one in enumerate(found) if one in relevant and place > 0]
    if not places:
        return
    place = data.draw(st.sampled_from(places))
    better = found.copy()
    better[place - 1], better[place] = better[place], better[place - 1]
    for measure, depth in MEASURES.values():
        assert measure(better, relevant, depth) >= measure(found, relevant, depth) - 1e-12


def test_ndcg_is_as_worked_by_hand() -> None:
    # Gains at places 2 and 3: 1/log2(3) + 1/log2(4); the best would be 1 + 1/log2(3).
    assert abs(ndcg(["x", "a", "b"], ["a", "b"]) - (0.63093 + 0.5) / 1.63093) < 1e-4


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_a_mean_and_its_interval_lie_among_the_values(values: list[float]) -> None:
    measured = mean(values)
    low, high = measured.interval
    assert abs(measured.value - sum(values) / len(values)) < 1e-9
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9


def asked(question: str, relevant: Sequence[str], **found: Sequence[str]) -> Asked:
    return Asked(
        question=question,
        relevant=tuple(relevant),
        found={stage: tuple(documents) for stage, documents in found.items()},
        embedding_seconds=0.002,
        search_seconds=0.004,
    )


def test_the_report_tells_each_stage_and_what_was_missed() -> None:
    told = report(
        [
            asked("one", "a", bm25="ab", vector="ba", fusion="ab"),
            asked("two", "c", bm25="", vector="c", fusion="xy"),
        ],
        documents=5,
        passages=9,
    )
    assert told.recall10 == {"bm25": 0.5, "vector": 1.0, "fusion": 0.5}
    assert told.measures["mrr10"]["vector"].value == 0.75
    assert told.missed == ("two",)
    assert (told.questions, told.documents, told.passages, told.embedding_ms, told.search_ms) == (2, 5, 9, 2.0, 4.0)


def test_every_measure_has_a_name() -> None:
    assert list(MEASURE_NAMES) == list(MEASURES)


RERANKED = [
    asked("one", "a", bm25="ab", vector="ba", fusion="ab", rerank="ba"),
    asked("two", "c", bm25="", vector="c", fusion="xy", rerank="c"),
    asked("three", "d", bm25="d", vector="d", fusion="d", rerank="efghijklmnd"),
]


def test_the_last_stage_is_the_whole_search() -> None:
    told = report(RERANKED, documents=5, passages=9)
    assert told.stages == ("bm25", "vector", "fusion", "rerank")
    assert [set(stages) for stages in told.measures.values()] == [set(told.stages)] * len(MEASURES)
    assert whole_search(RERANKED[0]) == ("b", "a")
    assert told.missed == ("three",)
    assert missed(RERANKED) == [RERANKED[2]]


@given(FOUND, RELEVANT)
def test_recall_never_falls_with_depth_and_ends_as_recall_does(found: list[str], relevant: list[str]) -> None:
    followed = recall_by_depth([asked("one", relevant, fusion=found)], "fusion")
    assert len(followed) == DEEPEST
    assert followed == sorted(followed)
    assert followed[DEPTH - 1] == recall(found, relevant)


@given(FOUND, RELEVANT)
def test_the_first_relevant_document_stands_behind_none_other(found: list[str], relevant: list[str]) -> None:
    place = first_place(found, relevant)
    if place is None:
        assert not set(found) & set(relevant)
    else:
        assert found[place - 1] in relevant
        assert not set(found[: place - 1]) & set(relevant)


def test_first_places_are_counted_with_those_that_come_late_or_never() -> None:
    others = [f"other {number}" for number in range(DEPTH)]
    questions = [
        asked("first", ["a"], fusion=["a"]),
        asked("third", ["a", "b"], fusion=["x", "y", "b", "a"]),
        asked("tenth", ["a"], fusion=[*others[1:], "a"]),
        asked("late", ["a"], fusion=[*others, "a"]),
        asked("never", ["a"], fusion=others),
        asked("nothing", ["a"], fusion=[]),
    ]
    assert first_places(questions) == [1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 2]


def test_the_whole_search_is_compared_question_by_question_with_each_stage_before() -> None:
    words, meaning, both = comparisons(RERANKED)
    assert [one.stage for one in (words, meaning, both)] == ["bm25", "vector", "fusion"]
    assert [(one.better, one.same, one.worse) for one in (words, meaning, both)] == [(1, 0, 2), (0, 2, 1), (1, 0, 2)]
    # 0.631 - 1, 1 - 0 and 0 - 1, and their mean.
    assert abs(words.difference.value - (0.63093 - 1) / 3) < 1e-4
    low, high = words.difference.interval
    assert low < words.difference.value < high


@given(st.lists(st.tuples(FOUND, FOUND, RELEVANT), min_size=1, max_size=5))
def test_the_mean_of_the_differences_is_the_difference_of_the_means(
    questions: list[tuple[list[str], list[str], list[str]]],
) -> None:
    told = [asked("one", relevant, bm25=words, fusion=both) for words, both, relevant in questions]
    (compared,) = comparisons(told)
    assert compared.better + compared.same + compared.worse == len(questions)
    measured = report(told, documents=16, passages=16).ndcg10
    assert abs(compared.difference.value - (measured["fusion"] - measured["bm25"])) < 1e-9


def test_two_documents_of_one_id_are_told_at_the_second(tmp_path: Path) -> None:
    file = tmp_path / "d.jsonl"
    file.write_text('{"id": "1", "text": "a"}\n{"id": "1", "text": "b"}\n{"id": "2", "text": "c"}\n')
    documents, (fault,) = read_documents(file)
    assert [document.id for document in documents] == ["1", "2"]
    assert (fault.place, fault.what) == (f"{file}:2", "the id '1' is there already")
