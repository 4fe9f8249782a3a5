"""`mdsa plugins`: what was found, what it offers, what went wrong; and putting one out of use and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from mdsa_server.cli.connection import ask_for, connect, connect_to_running
from mdsa_server.cli.options import configuration_options, read_configuration, run

if TYPE_CHECKING:
    from mdsa_server.configuration import Loaded

COLORS = {"active": "green", "quarantined": "red", "disabled": "yellow"}
MARGIN = " " * 12


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@configuration_options
@click.pass_context
def plugins(context: click.Context, as_json: bool, data: Path | None, config: Path | None) -> None:
    """List the plugins, what each offers, and its faults."""
    if context.invoked_subcommand is None:
        run(_plugins(read_configuration(config, data), as_json))


@plugins.command()
@click.argument("name")
@configuration_options
def disable(name: str, data: Path | None, config: Path | None) -> None:
    """Have the running server use a plugin no more, until it is enabled or the server starts again."""
    run(_switch(read_configuration(config, data), name, "disable"))


@plugins.command()
@click.argument("name")
@configuration_options
def enable(name: str, data: Path | None, config: Path | None) -> None:
    """Have the running server use a plugin again, one in quarantine too."""
    run(_switch(read_configuration(config, data), name, "enable"))


async def _plugins(loaded: Loaded, as_json: bool) -> None:
    async with connect(loaded) as client:
        found = await ask_for(client, "GET", "/api/plugins")
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for plugin in found:
        _print_plugin(plugin)


async def _switch(loaded: Loaded, name: str, what: str) -> None:
    async with connect_to_running(loaded.settings.data_folder) as client:
        plugin = await ask_for(client, "POST", f"/api/plugins/{quote(name, safe='')}/{what}")
    if what == "disable" and plugin["until_restart"]:
        click.echo(f"{name} is disabled until the server starts again. [plugin_host] disabled keeps it so.")
    elif plugin["state"] == "active":
        click.secho(f"{name} is in use.", fg="green")
    else:
        click.secho(f"{name} is {plugin['state']}{': ' if plugin['reason'] else ''}{plugin['reason']}", fg="yellow")


def _print_plugin(plugin: dict[str, Any]) -> None:
    state = click.style(f"{plugin['state']:<{len(MARGIN)}}", fg=COLORS.get(plugin["state"]))
    offers = ", ".join(f"{offer['kind']} {offer['name']}" for offer in plugin["offers"]) or "offers nothing"
    name = click.style(plugin["name"], bold=True)
    click.echo(f"{state}{name} {plugin['version']} ({plugin['source']}): {offers}")
    click.secho(f"{MARGIN}{plugin['location']}", dim=True)
    if plugin["until_restart"]:
        click.secho(f"{MARGIN}{plugin['reason']}", fg="yellow")
    for fault in plugin["faults"]:
        click.secho(f"{MARGIN}{fault['hook']}: {fault['reason']}", fg="red")
