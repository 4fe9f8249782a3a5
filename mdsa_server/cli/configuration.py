"""Commands about the configuration: `mdsa check`, `mdsa init`, `mdsa schema`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sized
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mdsa_server.cli.options import valid
from mdsa_server.cli.problems import FAILED, FAULTY, problems_shown

if TYPE_CHECKING:
    from mdsa_server.configuration import Loaded
    from mdsa_server.configuration.starter import Suggestion
    from mdsa_server.vocabulary.fault import Fault
    from mdsa_server.vocabulary.findings import Findings
    from mdsa_server.vocabulary.models import InstalledModel

MARGIN = " " * 11


@click.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="MDSA_CONFIG",
    help="The file to check; else mdsa.toml in this folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--strict", is_flag=True, help="End with 1 where there are warnings.")
def check(config: Path | None, as_json: bool, strict: bool) -> None:
    """Say what is wrong with the configuration, and whether all it needs is there.

    Ends with 2 where there are faults: with those the server does not start. With warnings
    it starts, but something will not work as it was meant; that ends with 0, and with 1 if it is --strict.
    """
    from mdsa_server.configuration import read
    from mdsa_server.configuration.machine import LATER
    from mdsa_server.errors import ConfigurationInvalid
    from mdsa_server.vocabulary.findings import Findings

    try:
        findings = _examined(valid(read(config, os.environ, Path.cwd())))
    except ConfigurationInvalid as error:
        findings = Findings(faults=list(error.faults), later=LATER)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(findings))
    else:
        _print(findings)
    sys.exit(FAULTY if findings.faults else FAILED if strict and findings.warnings else 0)


@click.command()
@click.option(
    "--path",
    type=click.Path(path_type=Path, dir_okay=False),
    default="mdsa.toml",
    show_default=True,
    help="The file to write.",
)
@click.option("--force", is_flag=True, help="Overwrite the file if there is one.")
def init(path: Path, force: bool) -> None:
    """Write a configuration to start from, with the models that the engine has."""
    from mdsa_server import bundled
    from mdsa_server.configuration import load
    from mdsa_server.configuration.starter import starter, suggest

    if path.exists() and not force:
        click.echo(f"{path} is there already. Name another with --path, or overwrite it with --force.", err=True)
        sys.exit(FAULTY)
    models, engine = _chat_models()
    suggestion = suggest(models)
    text = starter(
        models, suggestion, reference=bundled.reference_configuration(), schema=bundled.docs() / "mdsa.schema.json"
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        click.echo(f"{path} cannot be written ({error.strerror}). Name another with --path.", err=True)
        sys.exit(FAULTY)
    _print_next_steps(path, load(path, {}, Path.cwd()), engine, suggestion)


@click.command()
def schema() -> None:
    """Print the JSON schema of mdsa.toml, for editors."""
    from mdsa_server.configuration.schema import published_schema

    click.echo(published_schema(), nl=False)


# --- check


def _examined(loaded: Loaded) -> Findings:
    import asyncio

    from mdsa_server.configuration.machine import examine, origin_of
    from mdsa_server.logs import configure_logging

    # What goes wrong is found and told here; the log would tell it a second time.
    configure_logging("critical", loaded.settings.logging.format)
    findings = asyncio.run(examine(loaded, os.environ))
    findings.fine = {"configuration": origin_of(loaded)} | findings.fine
    return findings


def _print(findings: Findings) -> None:
    width = max(map(len, findings.fine), default=0)
    for subject, words in findings.fine.items():
        click.echo(f"{_mark('ok', 'green')}{subject:<{width}}  {words}")
    for fault in findings.warnings:
        _print_fault("warning", "yellow", fault)
    for fault in findings.faults:
        _print_fault("fault", "red", fault)
    if findings.later:
        click.echo(f"\n{findings.later}")
    click.echo()
    color = "red" if findings.faults else "yellow" if findings.warnings else "green"
    counts = f"{_count(findings.faults, 'fault')}, {_count(findings.warnings, 'warning')}."
    click.secho(counts[0].upper() + counts[1:], fg=color, bold=True)


def _print_fault(word: str, color: str, fault: Fault) -> None:
    key = click.style(fault.key, bold=True) + ": " if fault.key else ""
    click.echo(f"{_mark(word, color)}{fault.place}\n{MARGIN}{key}{fault.what}")
    click.secho(f"{MARGIN}{fault.mend}", fg="cyan")


def _mark(word: str, color: str) -> str:
    return "  " + click.style(f"{word:<9}", fg=color)


def _count(things: Sized, word: str) -> str:
    return f"{len(things) or 'no'} {word}{'' if len(things) == 1 else 's'}"


# --- init


def _chat_models() -> tuple[list[InstalledModel], str]:
    """Ask Ollama for its chat models, the most fitting first; and say in a sentence how that went."""
    import asyncio

    from mdsa_server.configuration.starter import chat_models
    from mdsa_server.engine_places import ollama_url
    from mdsa_server.errors import EngineError, EngineUnreachable, UnknownModel

    with problems_shown():
        url = ollama_url(os.environ.get("OLLAMA_HOST"))
    try:
        models = asyncio.run(chat_models(url))
    except (EngineError, UnknownModel) as error:
        return [], f"No Ollama answers at {url}." if isinstance(error, EngineUnreachable) else error.detail
    return models, f"Ollama at {url} has {_count(models, 'chat model')}."


def _print_next_steps(path: Path, loaded: Loaded, engine: str, suggestion: Suggestion) -> None:
    domains = loaded.settings.domains
    click.secho(f"Wrote {path}", bold=True, nl=False)
    click.echo(f" with {len(domains)} domains: {', '.join(domains)}.")
    click.echo(engine)
    if suggestion.code_model:
        click.echo(f"{suggestion.code_model} is for code, {suggestion.default_model} for the rest.")
    elif suggestion.default_model == "auto":
        click.echo("default_model is left at auto: the server takes a chat model that it finds.")
    named = "" if path.absolute() == Path("mdsa.toml").absolute() else f" --config {path}"
    click.echo("\nNext:")
    for command, purpose in (
        (f"mdsa check{named}", "see whether all it needs is there"),
        (f"mdsa serve{named}", "start the server"),
    ):
        click.echo(f"  {click.style(command, fg='cyan')}  {purpose}")
