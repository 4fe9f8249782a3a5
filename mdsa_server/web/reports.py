"""Reports of evaluations: files of their own, with styles and drawings inside and no scripts; and the same as pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from markupsafe import Markup

from mdsa_server.evaluation import retrieval
from mdsa_server.evaluation.results import RetrievalEvaluation, RouteEvaluation
from mdsa_server.web import plots, retrieval_plots
from mdsa_server.web.rendering import make_environment


def routes_report(evaluation: RouteEvaluation, templates: Path, static: Path) -> str:
    """Render the report on routing; `templates` and `static` are the folders with what it is made of."""
    return _render("reports/routes.html", templates, static, **of_routes(evaluation))


def retrieval_report(evaluation: RetrievalEvaluation, templates: Path, static: Path) -> str:
    """Render the report on searching, from the same folders."""
    return _render("reports/retrieval.html", templates, static, **of_retrieval(evaluation))


def of_routes(evaluation: RouteEvaluation) -> dict[str, Any]:
    """Give what `reports/routes.html` reads, but for `style`, which a page does without."""
    return {"evaluation": evaluation, "report": evaluation.report, "mistakes": evaluation.mistakes, "plots": plots}


def of_retrieval(evaluation: RetrievalEvaluation) -> dict[str, Any]:
    """Give what `reports/retrieval.html` reads, likewise."""
    report = evaluation.report
    return {
        "evaluation": evaluation,
        "report": report,
        "stages": {stage: retrieval.STAGE_NAMES[stage] for stage in report.stages},
        "measures": retrieval.MEASURE_NAMES,
        "recalls": evaluation.recalls,
        "places": evaluation.places,
        "comparisons": evaluation.comparisons,
        "reranking": evaluation.reranking_seconds,
        "missed": evaluation.missed,
        "plots": plots,
        "retrieval_plots": retrieval_plots,
    }


def _render(template: str, templates: Path, static: Path, **context: Any) -> str:
    # Our own file, and no user's text: it may stand in the page as it is.
    style = Markup((static / "report.css").read_text("utf-8"))  # noqa: S704  # see above
    return make_environment(templates, static).get_template(template).render(style=style, **context)
