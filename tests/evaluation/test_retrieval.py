"""Measures of a search: properties over all that may be found."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.evaluation.retrieval import MEASURES, Asked, mean, ndcg, recall, reciprocal_rank, report

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
