"""`mdsa evaluate`: how good routing is, measured on labelled messages in this process."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mdsa_server.cli.options import configuration_options, read_configuration, run
from mdsa_server.cli.problems import FAILED, FAULTY, Refused

if TYPE_CHECKING:
    from mdsa_server.chat.desk import Team
    from mdsa_server.configuration import Loaded
    from mdsa_server.evaluation.labelled import Labelled
    from mdsa_server.evaluation.results import RetrievalEvaluation, RouteEvaluation
    from mdsa_server.evaluation.route_baseline import Baseline
    from mdsa_server.evaluation.routes import Judged
    from mdsa_server.plugin_api.contracts import Reranker, Router
    from mdsa_server.plugin_host.registry import PluginRegistry
    from mdsa_server.vocabulary.fault import Fault

# More would hide the first ones, and are most likely of one kind.
SHOWN_FAULTS = 20
FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def evaluate() -> None:
    """Measure how good the configured server is."""


@evaluate.command()
@click.option("--test", required=True, type=FILE, help="Messages to route, a JSON line each, with their domain.")
@click.option("--examples", type=FILE, help="What is taught, in such lines; else the configured domains.")
@click.option("--router", help="The only router to ask; else all that are configured.")
@click.option("--save", type=FILE, help="Keep what was measured in this file, to compare with later.")
@click.option("--baseline", type=FILE, help="Compare with what --save kept; end with 1 where routing has become worse.")
@click.option(
    "--margin",
    type=click.FloatRange(0, 1),
    default=0.005,
    show_default=True,
    help="By how much, as a fraction, a measure must be worse to count.",
)
@click.option("--html", type=FILE, help="Write a report with plots to this file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@configuration_options
def routes(
    test: Path,
    examples: Path | None,
    router: str | None,
    save: Path | None,
    baseline: Path | None,
    margin: float,
    html: Path | None,
    as_json: bool,
    data: Path | None,
    config: Path | None,
) -> None:
    """Route labelled messages, and say how often, how surely and how fast that is right.

    A line is {"text": "...", "domain": "code"}; the domain null says that a message belongs to none, and "intent"
    may sort examples more finely. With --baseline it ends with 1 where accuracy, AUROC, FPR95 or ECE is
    worse by more than --margin, and the 95 % interval of the difference shows that this is no chance.
    """
    loaded = read_configuration(config, data)
    run(_routes(loaded, test, examples, router, save, baseline, margin, html, as_json))


async def _routes(
    loaded: Loaded,
    test: Path,
    examples: Path | None,
    router: str | None,
    save: Path | None,
    baseline: Path | None,
    margin: float,
    html: Path | None,
    as_json: bool,
) -> None:
    import msgspec

    from mdsa_server.cli.evaluation_text import print_changes, print_report
    from mdsa_server.configuration.fingerprints import fingerprint_of_routing
    from mdsa_server.evaluation.results import RouteEvaluation, surest_mistakes
    from mdsa_server.evaluation.route_baseline import Baseline, compare
    from mdsa_server.evaluation.route_report import report
    from mdsa_server.logs import configure_logging

    configure_logging("error", loaded.settings.logging.format)
    team, messages, skipped = _read(loaded, test, examples)
    if skipped and not as_json:
        click.secho(f"{skipped} examples belong to no domain, and are not taught.", fg="yellow", err=True)
    kept = _baseline(baseline, messages) if baseline else None
    if router:
        team = replace(team, routers=(router,))
    judged = await _judge(loaded, team, messages)
    told = report(judged, list(team.domains))
    changes = compare(kept.messages, judged, margin) if kept else []
    if save:
        write(save, msgspec.json.format(msgspec.json.encode(Baseline.of(judged)), indent=1))
    evaluation = RouteEvaluation(
        report=told,
        mistakes=surest_mistakes(judged),
        changes=tuple(changes),
        routers=team.routers,
        fallback=team.fallback,
        test=test.name,
        examples=f"{len(team.domains)} domains of {examples.name if examples else 'the configuration'}",
        made=datetime.now().astimezone(),
        fingerprint=fingerprint_of_routing(loaded.settings, team),
    )
    keep_last(loaded, evaluation)
    if html:
        from mdsa_server import bundled
        from mdsa_server.web.reports import routes_report

        write(html, routes_report(evaluation, bundled.templates(), bundled.static()).encode())
        click.echo(f"The report is in {html}.", err=True)
    if as_json:
        # The four measures come first; what is compared stands behind all that was measured.
        facts = {**msgspec.to_builtins(told), **({"changes": msgspec.to_builtins(changes)} if kept else {})}
        click.echo(msgspec.json.encode(facts))
    else:
        print_report(told, team.routers)
        if baseline:
            print_changes(changes, baseline, margin)
    if any(change.worse for change in changes):
        sys.exit(FAILED)


def _read(loaded: Loaded, test: Path, examples: Path | None) -> tuple[Team, list[Labelled], int]:
    """Give the team, the messages, and how many examples are out of scope. Raises Refused with all faulty lines."""
    from mdsa_server.configuration.reloading import team_of
    from mdsa_server.evaluation.labelled import domains_from, read_labelled

    team, skipped = team_of(loaded.settings), 0
    faults: list[Fault] = []
    if examples:
        taught, faults = read_labelled(examples)
        skipped = sum(example.domain is None for example in taught)
        team = replace(team, domains={domain.name: domain for domain in domains_from(taught)})
        if not faults and not team.domains:
            raise Refused(f"{examples} has no example of any domain", mend='Give some lines a "domain".')
    # Where lines of the examples cannot be read, it is not known which domains there are.
    messages, more = read_labelled(test, None if faults else team.domains)
    if faults or more:
        raise faulty([*faults, *more])
    return team, messages, skipped


def faulty(faults: Sequence[Fault]) -> Refused:
    title = f"{len(faults)} faults in the labelled lines" if len(faults) > 1 else "A fault in the labelled lines"
    if len(faults) > SHOWN_FAULTS:
        title += f"; the first {SHOWN_FAULTS} of them"
    return Refused(title, faults=faults[:SHOWN_FAULTS])


async def _judge(loaded: Loaded, team: Team, messages: Sequence[Labelled]) -> list[Judged]:
    from mdsa_server.configuration.trying import tried_plugins
    from mdsa_server.evaluation.route_trial import judge

    judged: list[Judged] = []
    ollama_host = os.environ.get("OLLAMA_HOST")
    domains = tuple(team.domains.values())
    async with tried_plugins(loaded, team.routers, domains, ollama_host, bar("Embedding examples")) as tried:
        require(tried.registry, "router", team.routers, tried.registry.routers)
        with bar("Routing messages")(len(messages)) as told:
            async for one in judge(tried.registry, team, messages, tried.embed):
                judged.append(one)
                told(1)
                await asyncio.sleep(0)  # Else nothing but messages would run where no router ever waits.
        # A router that failed too often is out by now, and the rest were measured without it.
        require(tried.registry, "router", team.routers, tried.registry.routers)
    return judged


def require(registry: PluginRegistry, kind: str, wanted: Sequence[str], offered: Sequence[Router | Reranker]) -> None:
    """Raises Refused where one of the routers, or rerankers, that are wanted cannot be asked."""
    there = [one.name for one in offered]
    if missing := [name for name in wanted if name not in there]:
        out = [f"{plugin.name} is in quarantine: {plugin.reason}" for plugin in registry.status() if plugin.reason]
        raise Refused(
            f"There is no {kind} {', '.join(missing)}",
            detail="\n".join(out),
            mend=f"Those that can be asked: {', '.join(there) or 'none'}.",
            code=FAULTY,
        )


def bar(label: str) -> Callable[[int], AbstractContextManager[Callable[[int], None]]]:
    return lambda length: _told(length, label)


@contextmanager
def _told(length: int, label: str) -> Iterator[Callable[[int], None]]:
    """Show a progress bar beside what is printed, and only to people."""
    with click.progressbar(length=length, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        yield bar.update


def _baseline(path: Path, messages: Sequence[Labelled]) -> Baseline:
    """Read what was kept. Raises Refused where it is none, or of other messages."""
    import msgspec

    from mdsa_server.evaluation.route_baseline import Baseline, same_messages

    try:
        kept = msgspec.json.decode(path.read_bytes(), type=Baseline)
    except (OSError, msgspec.DecodeError) as error:
        raise Refused(f"{path} is no baseline", detail=str(error), mend="Make one with --save.", code=FAULTY) from error
    if not same_messages(kept.messages, messages):
        raise Refused(
            f"{path} is of other messages",
            mend="Compare on the same --test file, or make a new baseline with --save.",
            code=FAULTY,
        )
    return kept


def keep_last(loaded: Loaded, evaluation: RouteEvaluation | RetrievalEvaluation) -> None:
    """Keep it for the page of domains; where that cannot be, it was measured all the same."""
    from mdsa_server.evaluation.kept import keep

    try:
        keep(loaded.settings.data_folder, evaluation)
    except OSError as error:
        kept = f"It is not kept for the page of domains: {loaded.settings.data_folder} cannot be written"
        click.secho(f"{kept} ({error.strerror}).", fg="yellow", err=True)


def write(path: Path, text: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    except OSError as error:
        raise Refused(f"{path} cannot be written ({error.strerror})", mend="Name another file.") from error
