"""Reports as HTML files of their own: styles and drawings inside, no scripts, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from markupsafe import Markup

from mdsa_server.evaluation.route_baseline import Change
from mdsa_server.evaluation.route_report import RouteReport
from mdsa_server.evaluation.routes import Judged
from mdsa_server.web import plots
from mdsa_server.web.rendering import make_environment

MISTAKES = 20


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


def routes_report(evaluation: RouteEvaluation, templates: Path, static: Path) -> str:
    """Render the report on routing; `templates` and `static` are the folders with what it is made of."""
    environment = make_environment(templates, static)
    # Our own file, and no user's text: it may stand in the page as it is.
    style = Markup((static / "report.css").read_text("utf-8"))  # noqa: S704  # see above
    return environment.get_template("reports/routes.html").render(
        evaluation=evaluation,
        report=evaluation.report,
        mistakes=surest_mistakes(evaluation.judged),
        plots=plots,
        style=style,
    )


def surest_mistakes(judged: Sequence[Judged]) -> list[Judged]:
    """Give the messages that went wrong most surely: what to look at first."""
    wrong = (one for one in judged if not one.decided_right and one.surest is not None)
    return sorted(wrong, key=lambda one: -one.confidence)[:MISTAKES]
