"""Templates to HTML: the environment they are rendered in, and how they write numbers and times."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Litestar, Request
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template import TemplateConfig
from markupsafe import Markup, escape

from mdsa_server import __version__
from mdsa_server.routing.explain import explain
from mdsa_server.vocabulary.hidden_values import HIDDEN
from mdsa_server.vocabulary.routing import Evidence
from mdsa_server.vocabulary.toml_text import toml
from mdsa_server.web.markdown import render_markdown
from mdsa_server.web.texts import TITLE_CHARS

EVIDENCE_SHOWN = 8

MINUTE, HOUR, DAY = 60, 3600, 86_400


class Page(NamedTuple):
    """A page that others lead to."""

    name: str
    scope: str
    """Who may read it; others are not led there."""


PLACES = {
    "chat": Page("Chat", "chat"),
    "monitor": Page("Monitor", "monitor"),
    "turns": Page("Turns", "chat"),
    "domains": Page("Domains", "monitor"),
    "documents": Page("Documents", "documents"),
    "tools": Page("Tools", "monitor"),
    "plugins": Page("Plugins", "monitor"),
    "configuration": Page("Configuration", "admin"),
    "audit": Page("Audit", "admin"),
    "schema": Page("API", "public"),
}
"""The pages that every page leads to, by the first part of each one's address."""


def first_page(scopes: Collection[str]) -> str:
    """Give the address where a reader begins who may read the pages of these scopes: the welcome page, if they chat."""
    if "chat" in scopes:
        return "/"
    return next(f"/{place}" for place, page in PLACES.items() if page.scope in {*scopes, "public"})


def template_config(templates: Path, static: Path) -> TemplateConfig[JinjaTemplateEngine]:
    """Make Litestar's template configuration of the folders of templates and of static files."""
    return TemplateConfig(instance=JinjaTemplateEngine.from_environment(make_environment(templates, static)))


def make_environment(templates: Path, static: Path) -> Environment:
    """Make the environment; a name that a template misspells raises, rather than rendering as nothing."""
    environment = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def asset(path: str) -> str:
        """Give the address of a static file; it changes with the file, so that browsers may keep what they have."""
        return f"/static/{path}?v={(static / path).stat().st_mtime_ns:x}"

    environment.globals.update(asset=asset, places=PLACES, server_version=__version__, title_chars=TITLE_CHARS)
    environment.globals.update(first_page=first_page)
    environment.filters.update(
        markdown=render_markdown,
        code_spans=code_spans,
        explain=explain,
        percent=percent,
        shown_evidence=shown_evidence,
        seconds=seconds,
        count=count,
        size=size,
        ago=ago,
        idle=idle,
        clock=clock,
        plural=plural,
        toml_text=toml_text,
    )
    return environment


def render(request: Request[Any, Any, Any], template: str, **context: Any) -> Markup:
    """Render a template where no response is at hand: for a frame of a stream."""
    return render_in(request.app, template, request=request, **context)


def render_in(app: Litestar, template: str, **context: Any) -> Markup:
    """The same where no request is at hand either."""
    engine = app.template_engine
    assert isinstance(engine, JinjaTemplateEngine)  # noqa: S101  # create_app gives it template_config
    return Markup(engine.get_template(template).render(context))  # noqa: S704  # templates escape by themselves


def code_spans(text: str) -> Markup:
    """Show what stands in backticks as code, and the rest as it is."""
    return Markup(re.sub(r"`([^`\n]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704  # escaped before


def shown_evidence(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Give what there is room for: the first of what routers saw, and all that they note."""
    seen = [item for item in evidence if item.kind != "note"]
    return [*seen[:EVIDENCE_SHOWN], *(item for item in evidence if item.kind == "note")]


def percent(share: float) -> str:
    """0.934 is `93 %`; what is not quite all or nothing is not shown as that."""
    if 0 < share < 0.01:
        return "< 1 %"
    return f"{int(share * 100 + 0.5) if share < 0.99 or share >= 1 else 99} %"


def seconds(span: float) -> str:
    """Write a span of time with as many digits as matter: `0.8 ms`, `42 ms`, `1.9 s`, `2 min 5 s`."""
    if span < 0.001:
        return f"{span * 1000:.1f} ms"
    if span < 1:
        return f"{span * 1000:.0f} ms"
    if span < MINUTE:
        return f"{span:.1f} s"
    return f"{int(span // MINUTE)} min {int(span % MINUTE)} s"


def count(number: float) -> str:
    """Write a number with its thousands apart."""
    return f"{number:,.0f}"


def size(bytes_: float) -> str:
    """Write a number of bytes with as many digits as matter: `512 B`, `3.4 kB`, `120 MB`."""
    units = ["B", "kB", "MB", "GB"]
    while bytes_ >= 999.5 and len(units) > 1:
        bytes_ /= 1000
        del units[0]
    return f"{bytes_:.0f} {units[0]}" if units[0] == "B" or bytes_ >= 9.95 else f"{bytes_:.1f} {units[0]}"


def plural(number: int, one: str, many: str = "") -> str:
    """`1 turn`, `2 turns`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def toml_text(value: Any) -> str:
    """Write a setting as `mdsa.toml` would, a table of tables in lines; what is not set or not shown has no TOML."""
    if value is None:
        return "not set"
    if isinstance(value, str) and value.startswith(HIDDEN[:-1]):
        return value
    if isinstance(value, Mapping) and any(isinstance(inner, Mapping) for inner in value.values()):
        return "\n".join(f"{key} = {toml_text(inner)}" for key, inner in _flat(value) if inner is not None)
    return toml(value)


def _flat(table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from ((f"{key}.{rest}", inner) for rest, inner in _flat(value))
        else:
            yield key, value


def ago(moment: datetime, now: datetime | None = None) -> str:
    """Say how long ago something was, as a list has room for."""
    passed = ((now or datetime.now(UTC)) - moment).total_seconds()
    if passed < MINUTE:
        return "just now"
    if passed < HOUR:
        return f"{int(passed // MINUTE)} min ago"
    if passed < DAY:
        return f"{int(passed // HOUR)} h ago"
    local = moment.astimezone()
    if passed < 7 * DAY:
        return f"{local:%A}"
    return f"{local.day} {local:%B %Y}"


def span(seconds: float) -> str:
    """Write how long something has gone on, as coarse as one would say it: `40 s`, `12 min`, `3 h`, `5 days`."""
    if seconds < MINUTE:
        return f"{int(seconds)} s"
    if seconds < HOUR:
        return f"{int(seconds // MINUTE)} min"
    if seconds < 2 * DAY:
        return f"{int(seconds // HOUR)} h"
    return f"{int(seconds // DAY)} days"


def idle(seconds: float) -> str:
    """The same of what was so many seconds ago."""
    return ago(datetime.now(UTC) - timedelta(seconds=seconds))


def clock(moment: datetime) -> str:
    """Write when something is to be, on this machine's clock; the day where it is not today's."""
    local, today = moment.astimezone(), datetime.now(UTC).astimezone().date()
    return f"{local:%H:%M}" if local.date() == today else f"{local.day} {local:%b %H:%M}"
