"""`mdsa serve` and `mdsa reload`."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mdsa_server.cli.connection import ask_for, connect_to_running
from mdsa_server.cli.options import configuration_options, read_configuration, run

if TYPE_CHECKING:
    from mdsa_server.cli.listening import Listener
    from mdsa_server.configuration import Loaded
    from mdsa_server.web.rooms import Rooms

SMALL_MODEL = """
  The embedded model is very small: it shows that everything works, and is often wrong.
  For answers to rely on, start Ollama (ollama serve), then this server again."""


@click.command()
@click.option("--host", help="The address to listen on; else [server] host.")
@click.option("--port", type=click.IntRange(0, 65535), help="The port, 0 for any free one; else [server] port.")
@configuration_options
def serve(host: str | None, port: int | None, data: Path | None, config: Path | None) -> None:
    """Start the server, and print the address of its pages."""
    loaded = read_configuration(config, data, server__host=host, server__port=port)
    from mdsa_server.cli.listening import fastest_loop

    run(_serve(loaded), fastest_loop())


@click.command()
@configuration_options
def reload(data: Path | None, config: Path | None) -> None:
    """Have the running server read its configuration again."""
    run(_reload(read_configuration(config, data)))


async def _serve(loaded: Loaded) -> None:
    from mdsa_server.cli.listening import Listener
    from mdsa_server.logs import configure_logging

    settings = loaded.settings
    configure_logging(settings.logging.level, settings.logging.format)
    listener = Listener(loaded, settings.server.host, settings.server.port, heed_signals=True)
    serving = asyncio.create_task(listener.serve())
    await listener.started(serving)
    _reload_on_hang_up(listener.rooms)
    _print_banner(loaded, listener)
    await serving


def _reload_on_hang_up(rooms: Rooms) -> None:
    """Read the configuration again on SIGHUP, as servers do; Windows has no such signal."""
    from structlog import get_logger

    from mdsa_server.errors import ConfigurationInvalid

    async def reload() -> None:
        try:
            await rooms.reload()
        except ConfigurationInvalid as error:
            get_logger(__name__).error("configuration not taken up", faults=[str(fault) for fault in error.faults])

    if hasattr(signal, "SIGHUP"):
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, lambda: rooms.spawn(reload(), "reload"))


def _print_banner(loaded: Loaded, listener: Listener) -> None:
    rooms = listener.rooms
    status = rooms.engine.status
    rows = {
        "pages": click.style(listener.url, bold=True),
        "engine": _engine_words(rooms),
        "domains": ", ".join(loaded.settings.domains),
        "configuration": str(loaded.path or "built in; mdsa init writes a file of your own"),
        "data": str(loaded.settings.data_folder),
    }
    if ill := [plugin.name for plugin in rooms.registry.status() if plugin.state == "quarantined"]:
        rows["plugins"] = click.style(f"{', '.join(ill)} failed; mdsa plugins says why", fg="red")
    click.secho("MDSA Server", bold=True)
    for name, value in rows.items():
        click.echo(f"  {name:<14} {value}")
    if status.problem:
        click.secho(f"\n  {status.problem}", fg="yellow")
        click.secho(f"  {status.mend}", fg="cyan")
    elif status.kind == "embedded":
        click.secho(SMALL_MODEL, fg="yellow")
    click.secho("\n  Ctrl-C stops the server.\n", dim=True)


def _engine_words(rooms: Rooms) -> str:
    status, model = rooms.engine.status, rooms.engine.default_model_name
    if status.kind == "none":
        return "none"
    name = f"Ollama {status.version} at {status.url}" if status.kind == "ollama" else "embedded"
    return f"{name}, default model {model}" if model else f"{name}, without a chat model: mdsa models pull NAME"


async def _reload(loaded: Loaded) -> None:
    async with connect_to_running(loaded.settings.data_folder) as client:
        answer = await ask_for(client, "POST", "/api/reload")
    click.echo(f"Read again. Domains: {', '.join(answer['domains'])}.")
    for folder in answer.get("folders", ()):
        click.echo(f"  {folder} is being taken in.")
    for key in answer.get("needs_restart", ()):
        click.secho(f"  {key} has changed too: restart the server to have it taken up.", fg="yellow")
    for warning in answer.get("warnings", ()):
        click.secho(f"  {warning}", fg="yellow")
