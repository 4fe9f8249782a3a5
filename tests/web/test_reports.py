"""The report on searching: one file that tells what was measured and missed, and asks for nothing."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from mdsa_server import bundled
from mdsa_server.evaluation.results import MISSES, WANTED, missed_questions, retrieval_evaluation
from mdsa_server.evaluation.retrieval import Asked, report
from mdsa_server.web.reports import retrieval_report
from tests.web.well_formed import WellFormed

TITLES = {"a": "The <b>pump</b>", "b": "The stove", "c": "", "d": "The roof", "e": "The well"}
SCRIPT = "<script>alert('pump')</script>"


def asked(question: str, relevant: str, found: str, stages: Sequence[str] = ("bm25", "vector", "fusion")) -> Asked:
    return Asked(
        question=question,
        relevant=tuple(relevant),
        found={stage: tuple(found) for stage in stages},
        embedding_seconds=0.002,
        search_seconds=0.004,
        reranking_seconds=0.003,
    )


def rendered(questions: Sequence[Asked], reranker: str = "") -> str:
    evaluation = retrieval_evaluation(
        report(questions, documents=5, passages=1234),
        questions,
        TITLES,
        documents="d<1>.jsonl",
        questions="q.jsonl",
        split="taken whole",
        embedder="a model (name-1)",
        reranker=reranker,
        made=datetime(2026, 2, 3, 4, 5, tzinfo=UTC),
    )
    return retrieval_report(evaluation, bundled.templates(), bundled.static())


QUESTIONS = [asked("oil", "a", "ab"), asked(SCRIPT, "ac", "bd"), asked("nothing", "e", "")]


def test_it_is_one_well_formed_file_without_scripts_and_hosts_and_what_users_wrote_stays_text() -> None:
    text = rendered(QUESTIONS)
    parser = WellFormed()
    parser.feed(text)
    assert parser.open == []
    assert parser.addresses == []
    assert not {"script", "b", "link", "img", "iframe"} & set(parser.tags)
    assert "&lt;script&gt;" in text
    assert "The &lt;b&gt;pump" in text
    assert "d&lt;1&gt;.jsonl" in text
    assert not re.search(r"url\(|@import|https?:|//[a-z]", text)


def test_it_tells_of_what_was_measured_and_how() -> None:
    text = rendered(QUESTIONS)
    for told in ("3 questions of 5 documents", "taken whole, 1,234 in all", "a model (name-1)", "2026-02-03 04:05"):
        assert told in text
    for told in ("nDCG@10", "MRR@10", "recall@10", "66.7 %", "2 of 3 questions", "2 ms", "4 ms"):
        assert told in text
    assert "rerank" not in re.sub("<style>.*</style>", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("stages", [("bm25", "vector", "fusion"), ("bm25", "vector", "fusion", "rerank")])
def test_every_stage_has_its_column_and_its_line_and_is_compared(stages: tuple[str, ...]) -> None:
    reranker = "word_reranker" if "rerank" in stages else ""
    text = rendered([asked("oil", "a", "ba", stages), asked("sweep", "b", "b", stages)], reranker)
    assert re.findall(r'class="stage (\w+)( whole)?"', text) == [
        (stage, " whole" if stage == stages[-1] else "") for stage in stages
    ]
    assert text.count('<td class="whole">') == 5
    assert text.count('class="shares"') == len(stages) - 1
    assert ("3 ms of it to rerank" in text) == bool(reranker)
    assert "What was missed" not in text


def test_a_missed_question_tells_what_it_wants_and_what_it_got() -> None:
    late = asked("late", "adbec", "0123456789d")
    nothing, late_told = missed_questions([QUESTIONS[0], QUESTIONS[2], late], TITLES)
    assert (nothing.question, nothing.wanted, nothing.others) == ("nothing", ("The well",), 0)
    assert (nothing.place, nothing.first) == (None, "")
    assert late_told.wanted == ("The <b>pump</b>", "The roof", "The stove")
    assert (late_told.others, late_told.place, late_told.first) == (5 - WANTED, 11, "document 0")


def test_only_the_first_misses_are_listed_and_all_are_counted() -> None:
    text = rendered([asked(f"question {number}.", "a", "b") for number in range(MISSES + 7)])
    assert f"{MISSES + 7} questions with none of the wanted documents" in text
    assert f"the first {MISSES} of them" in text
    assert f"question {MISSES - 1}." in text
    assert f"question {MISSES}." not in text
