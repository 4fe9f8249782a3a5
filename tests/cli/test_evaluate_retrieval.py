"""`mdsa evaluate retrieval`: documents and questions from files, with the real embedding model."""

import json
from collections.abc import Sequence

import pytest

from mdsa_server.cli import evaluate_retrieval
from mdsa_server.cli.evaluate_retrieval import patient
from mdsa_server.configuration import load
from mdsa_server.configuration.fingerprints import fingerprint_of_retrieval
from mdsa_server.errors import ModelTimeout
from mdsa_server.evaluation.kept import last
from mdsa_server.evaluation.results import RetrievalEvaluation
from mdsa_server.vocabulary.passages import Passage
from tests.cli.terminal import Terminal

TEXTS = {
    "pump": "Oil the bearing of the pump every week, with thin oil.",
    "stove": "Sweep the chimney of the stove once a year.",
    "roof": "Look for loose tiles on the roof after each storm.",
}
QUESTIONS = {"how is the bearing lubricated": ["pump"], "when is the chimney cleaned": ["stove"]}


def write(terminal: Terminal, questions: dict[str, list[str]]) -> None:
    terminal.configure("http://127.0.0.1:1")
    documents = [{"id": name, "title": name, "text": text} for name, text in TEXTS.items()]
    asked = [{"question": question, "relevant": relevant} for question, relevant in questions.items()]
    (terminal.folder / "d.jsonl").write_text("\n".join(map(json.dumps, documents)))
    (terminal.folder / "q.jsonl").write_text("\n".join(map(json.dumps, asked)))


ARGUMENTS = ("evaluate", "retrieval", "--documents", "d.jsonl", "--questions", "q.jsonl")


async def test_each_stage_is_measured_and_a_floor_is_held_to(terminal: Terminal) -> None:
    write(terminal, QUESTIONS)
    done = await terminal.mdsa(*ARGUMENTS, "--json", "--floor", "0.9")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert list(told)[:2] == ["ndcg10", "recall10"]
    assert told["ndcg10"]["fusion"] == told["recall10"]["vector"] == 1.0
    assert (told["questions"], told["documents"], told["missed"]) == (2, 3, [])
    assert list(told["measures"]["mrr10"]) == ["bm25", "vector", "fusion"]

    write(terminal, QUESTIONS | {"what is for dinner": ["roof"]})
    done = await terminal.mdsa(*ARGUMENTS, "--whole", "--floor", "0.99")
    assert done.code == 1
    assert "below 0.99" in done.err
    assert "3 questions of 3 documents, in 3 passages" in done.out
    assert "nDCG@10" in done.out
    kept = last(terminal.folder / "data", RetrievalEvaluation)
    assert kept is not None
    assert (kept.report.questions, kept.questions, kept.split) == (3, "q.jsonl", "taken whole")
    assert kept.fingerprint == fingerprint_of_retrieval(load(None, {}, terminal.folder).settings)


async def test_faulty_lines_are_told_with_their_places(terminal: Terminal) -> None:
    write(terminal, {"how": ["nowhere"], "why": []})
    done = await terminal.mdsa(*ARGUMENTS)
    assert done.code == 2
    assert "q.jsonl:1: names documents that are not there: nowhere" in done.err
    assert "q.jsonl:2: has no question, or no relevant document" in done.err


# --- with a reranker

WORD_RERANKER = '''
"""Puts what has a word before everything else."""
from mdsa_server.plugin_api import hookimpl


@hookimpl
def register_rerankers(context):
    return [WordReranker()]


class WordReranker:
    name = "word_reranker"

    async def rerank(self, message, passages):
        return [float("chimney" in passage.text) for passage in passages]
'''
BROKEN_RERANKER = WORD_RERANKER.replace("return [float(", 'raise ValueError("no such word")\n        return [float(')
UNFIT_PLUGIN = "raise RuntimeError('it does not load')\n"


@pytest.fixture
def reranking(terminal: Terminal) -> Terminal:
    """A terminal whose configuration names a reranker, and has a folder for the plugin that is to offer it."""
    write(terminal, QUESTIONS)
    (terminal.folder / "plugins").mkdir()
    settings = terminal.folder / "mdsa.toml"
    text = settings.read_text("utf-8").replace("[plugin_host]", '[plugin_host]\ndirectories = ["plugins"]')
    settings.write_text(f'{text}\n[knowledge]\nreranker = "word_reranker"\n', "utf-8")
    return terminal


def offer(terminal: Terminal, plugin: str) -> None:
    (terminal.folder / "plugins" / "word_reranker.py").write_text(plugin, "utf-8")


async def test_what_a_reranker_makes_of_the_search_is_the_last_stage_and_held_to_the_floor(reranking: Terminal) -> None:
    offer(reranking, WORD_RERANKER)
    done = await reranking.mdsa(*ARGUMENTS, "--json", "--floor", "0.9")
    told = json.loads(done.out)
    assert list(told["measures"]["ndcg10"]) == ["bm25", "vector", "fusion", "rerank"]
    assert told["measures"]["mrr10"]["fusion"]["value"] == 1.0
    # What speaks of a chimney stands first, so that the pump comes second.
    assert told["measures"]["mrr10"]["rerank"]["value"] == 0.75
    assert told["recall10"]["rerank"] == 1.0
    assert done.code == 1
    assert "below 0.9" in done.err


async def test_a_reranker_that_fails_ends_the_evaluation_with_its_reason(reranking: Terminal) -> None:
    offer(reranking, BROKEN_RERANKER)
    done = await reranking.mdsa(*ARGUMENTS)
    assert done.code == 1
    assert "plugin word_reranker, reranker word_reranker: ValueError" in done.err
    assert "word_reranker.py:15" in done.err
    assert done.out == ""


async def test_a_reranker_that_is_configured_and_cannot_be_used_is_refused(reranking: Terminal) -> None:
    done = await reranking.mdsa(*ARGUMENTS)
    assert done.code == 2
    assert "no plugin offers a reranker named" in done.err

    offer(reranking, UNFIT_PLUGIN)
    done = await reranking.mdsa(*ARGUMENTS)
    assert done.code == 2
    assert "There is no reranker word_reranker" in done.err
    assert "word_reranker is in quarantine" in done.err
    assert "it does not load" in done.err


# --- the report


async def test_the_report_names_its_files_its_encoder_and_its_reranker(reranking: Terminal) -> None:
    offer(reranking, WORD_RERANKER)
    done = await reranking.mdsa(*ARGUMENTS, "--html", "out/report.html")
    assert done.code == 0, done.err
    assert "The report is in out/report.html." in done.err
    text = (reranking.folder / "out" / "report.html").read_text("utf-8")
    for told in ("q.jsonl", "d.jsonl", "2 questions", "3 documents", "all-MiniLM-L6-v2", "reranked by word_reranker"):
        assert told in text


class Loading:
    """Judges once it was asked so many times."""

    def __init__(self, times: int) -> None:
        self.times = times

    async def __call__(self, message: str, passages: Sequence[Passage]) -> Sequence[float]:
        self.times -= 1
        if self.times >= 0:
            raise ModelTimeout("still being loaded")
        return [1.0]


async def test_a_reranker_whose_model_is_still_loaded_is_asked_until_it_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate_retrieval, "LOADING_PAUSE", 0.0)
    assert await patient(Loading(3))("oil", []) == [1.0]


async def test_a_reranker_that_never_comes_to_judge_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate_retrieval, "LOADING_SECONDS", -1.0)
    with pytest.raises(ModelTimeout):
        await patient(Loading(3))("oil", [])
