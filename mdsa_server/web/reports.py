"""Reports as HTML files of their own: styles and drawings inside, no scripts, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from markupsafe import Markup

from mdsa_server.evaluation import retrieval
from mdsa_server.evaluation.retrieval import Asked, RetrievalReport
from mdsa_server.evaluation.route_baseline import Change
from mdsa_server.evaluation.route_report import RouteReport
from mdsa_server.evaluation.routes import Judged
from mdsa_server.web import plots, retrieval_plots
from mdsa_server.web.rendering import make_environment

MISTAKES = 20
MISSES = 50
WANTED = 3


@dataclass(frozen=True, kw_only=True)
class RouteEvaluation:
    """What a report on routing tells."""

    report: RouteReport
    judged: Sequence[Judged]
    changes: Sequence[Change]
    """Against a baseline, where there was one."""
    routers: Sequence[str]
    fallback: str
    """The domain that answers where nobody is sure."""
    test: str
    """The name of the file with the messages."""
    examples: str
    """What was taught, in words."""
    made: datetime


@dataclass(frozen=True, kw_only=True)
class RetrievalEvaluation:
    """What a report on searching tells."""

    report: RetrievalReport
    asked: Sequence[Asked]
    titles: Mapping[str, str]
    """Of documents, by their ids."""
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


@dataclass(frozen=True, kw_only=True)
class MissedQuestion:
    """A question of whose documents the whole search has none among the first ten, and what was found instead."""

    question: str
    wanted: Sequence[str]
    """Titles, the first of them."""
    others: int
    """How many more are wanted."""
    place: int | None
    """Where the first that is wanted stands all the same."""
    first: str
    """The title of what stands first; empty where nothing was found."""


def routes_report(evaluation: RouteEvaluation, templates: Path, static: Path) -> str:
    """Render the report on routing; `templates` and `static` are the folders with what it is made of."""
    return _render(
        "reports/routes.html",
        templates,
        static,
        evaluation=evaluation,
        report=evaluation.report,
        mistakes=surest_mistakes(evaluation.judged),
        plots=plots,
    )


def retrieval_report(evaluation: RetrievalEvaluation, templates: Path, static: Path) -> str:
    """Render the report on searching, from the same folders."""
    report, asked = evaluation.report, evaluation.asked
    return _render(
        "reports/retrieval.html",
        templates,
        static,
        evaluation=evaluation,
        report=report,
        stages={stage: retrieval.STAGE_NAMES[stage] for stage in report.stages},
        measures=retrieval.MEASURE_NAMES,
        recalls={stage: retrieval.recall_by_depth(asked, stage) for stage in report.stages},
        places=retrieval.first_places(asked),
        comparisons=retrieval.comparisons(asked),
        reranking=median(one.reranking_seconds for one in asked),
        missed=missed_questions(asked, evaluation.titles),
        plots=plots,
        retrieval_plots=retrieval_plots,
    )


def surest_mistakes(judged: Sequence[Judged]) -> list[Judged]:
    """Give the messages that went wrong most surely: what to look at first."""
    wrong = (one for one in judged if not one.decided_right and one.surest is not None)
    return sorted(wrong, key=lambda one: -one.confidence)[:MISTAKES]


def missed_questions(asked: Sequence[Asked], titles: Mapping[str, str]) -> list[MissedQuestion]:
    """Tell of the first questions that were missed what they want and what they got."""
    told = []
    for one in retrieval.missed(asked)[:MISSES]:
        found = retrieval.whole_search(one)
        named = [titles.get(document) or f"document {document}" for document in (*one.relevant, *found[:1])]
        wanted = named[: len(one.relevant)]
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


def _render(template: str, templates: Path, static: Path, **context: Any) -> str:
    # Our own file, and no user's text: it may stand in the page as it is.
    style = Markup((static / "report.css").read_text("utf-8"))  # noqa: S704  # see above
    return make_environment(templates, static).get_template(template).render(style=style, **context)
