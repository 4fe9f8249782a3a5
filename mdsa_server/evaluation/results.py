"""What an evaluation came to, with all that its report tells: small enough to be kept, and shown again later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from statistics import median

from msgspec import Struct

from mdsa_server.evaluation import retrieval
from mdsa_server.evaluation.retrieval import Asked, Comparison, RetrievalReport
from mdsa_server.evaluation.route_baseline import Change
from mdsa_server.evaluation.route_report import RouteReport
from mdsa_server.evaluation.routes import Judged

MISTAKES = 20
MISSES = 50
WANTED = 3


class RouteEvaluation(Struct, frozen=True, kw_only=True):
    """What a report on routing tells."""

    report: RouteReport
    mistakes: tuple[Judged, ...]
    """The messages that went wrong most surely: what to look at first."""
    changes: tuple[Change, ...]
    """Against a baseline, where there was one."""
    routers: tuple[str, ...]
    fallback: str
    """The domain that answers where nobody is sure."""
    test: str
    """The name of the file with the messages."""
    examples: str
    """What was taught, in words."""
    made: datetime
    fingerprint: str = ""
    """Of the configuration that was measured."""


class MissedQuestion(Struct, frozen=True, kw_only=True):
    """A question of whose documents the whole search has none among the first ten, and what was found instead."""

    question: str
    wanted: tuple[str, ...]
    """Titles, the first of them."""
    others: int
    """How many more are wanted."""
    place: int | None
    """Where the first that is wanted stands all the same."""
    first: str
    """The title of what stands first; empty where nothing was found."""


class RetrievalEvaluation(Struct, frozen=True, kw_only=True):
    """What a report on searching tells."""

    report: RetrievalReport
    recalls: dict[str, tuple[float, ...]]
    """By stage, the mean recall among the first 1, 2 and so on."""
    places: tuple[int, ...]
    """How many questions have their first relevant document at place 1, 2 and so on; see `retrieval.first_places`."""
    comparisons: tuple[Comparison, ...]
    reranking_seconds: float
    """The median, of a question."""
    missed: tuple[MissedQuestion, ...]
    """The first of those that were missed."""
    documents: str
    """The name of the file with the documents."""
    questions: str
    """The name of the file with the questions."""
    split: str
    """How documents were split, in words."""
    embedder: str
    """What embedded, in words."""
    reranker: str
    """The name of the reranker; empty where there is none."""
    made: datetime
    fingerprint: str = ""
    """Of the configuration that was measured."""


def retrieval_evaluation(
    report: RetrievalReport, asked: Sequence[Asked], titles: Mapping[str, str], **about: str | datetime
) -> RetrievalEvaluation:
    """Put together what is told of at least one question; `titles` are of documents, by their ids."""
    return RetrievalEvaluation(
        report=report,
        recalls={stage: tuple(retrieval.recall_by_depth(asked, stage)) for stage in report.stages},
        places=tuple(retrieval.first_places(asked)),
        comparisons=tuple(retrieval.comparisons(asked)),
        reranking_seconds=median(one.reranking_seconds for one in asked),
        missed=tuple(missed_questions(asked, titles)),
        **about,  # type: ignore[arg-type]  # the rest of its fields, as the caller names them
    )


def surest_mistakes(judged: Sequence[Judged]) -> tuple[Judged, ...]:
    """Give the messages that went wrong most surely: what to look at first."""
    wrong = (one for one in judged if not one.decided_right and one.surest is not None)
    return tuple(sorted(wrong, key=lambda one: -one.confidence)[:MISTAKES])


def missed_questions(asked: Sequence[Asked], titles: Mapping[str, str]) -> list[MissedQuestion]:
    """Tell of the first questions that were missed what they want and what they got."""
    told = []
    for one in retrieval.missed(asked)[:MISSES]:
        found = retrieval.whole_search(one)
        named = [titles.get(document) or f"document {document}" for document in (*one.relevant, *found[:1])]
        wanted = tuple(named[: len(one.relevant)])
        told.append(
            MissedQuestion(
                question=one.question,
                wanted=wanted[:WANTED],
                others=len(wanted[WANTED:]),
                place=retrieval.first_place(found, one.relevant),
                first=named[-1] if found else "",
            )
        )
    return told
