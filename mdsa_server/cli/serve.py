"""`mdsa serve` and `mdsa reload`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mdsa_server.cli.connection import ask_for, client_of, run
from mdsa_server.cli.options import configuration_options, read_configuration

if TYPE_CHECKING:
    from mdsa_server.cli.listening import Listener
    from mdsa_server.configuration import Loaded


@click.command()
@click.option("--host", help="The address to listen on; else [server] host.")
@click.option("--port", type=click.IntRange(0, 65535), help="The port; 0 takes any free one; else [server] port.")
@configuration_options
def serve(host: str | None, port: int | None, data: Path | None, config: Path | None) -> None:
    """Start the server, and print the address of its pages."""
    loaded = read_configuration(config, data, server__host=host, server__port=port)
    run(_serve(loaded))


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
    _print_banner(loaded, listener)
    await serving


def _print_banner(loaded: Loaded, listener: Listener) -> None:
    rooms = listener.rooms
    status, model = rooms.engine.status, rooms.engine.default_model_name
    rows = [
        ("pages", listener.url),
        ("engine", _engine_words(status.kind, status.url, status.version, model)),
        ("domains", ", ".join(domain.name for domain in loaded.settings.domains_as_vocabulary())),
        ("configuration", str(loaded.path or "built in; mdsa init writes a file of your own")),
        ("data", str(loaded.settings.data_folder)),
    ]
    click.secho("MDSA Server", bold=True)
    for name, value in rows:
        click.echo(f"  {name:<14} {value}")
    if status.problem:
        click.secho(f"\n  {status.problem}", fg="yellow")
        click.secho(f"  {status.mend}", fg="cyan")
    elif status.kind == "embedded":
        click.secho(
            "\n  The embedded model is very small: it shows that everything works, and is often wrong.\n"
            "  For real work start Ollama (ollama serve), then this server again.",
            fg="yellow",
        )
    click.echo()


def _engine_words(kind: str, url: str | None, version: str | None, model: str | None) -> str:
    if kind == "none":
        return "none"
    name = "Ollama" if kind == "ollama" else "embedded"
    return f"{name} {version} at {url}, default model {model or 'not known yet'}"


async def _reload(loaded: Loaded) -> None:
    from mdsa_server.store.data_folder import server_of

    address = server_of(loaded.settings.data_folder)
    if address is None:
        raise click.ClickException(f"No server runs on {loaded.settings.data_folder}. Start one: mdsa serve")
    async with client_of(address.url) as client:
        answer = await ask_for(client, "POST", "/api/reload")
    click.echo(f"Read again. Domains: {', '.join(answer['domains'])}.")
