"""`mdsa plugins`: what was found, what it offers, what went wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mdsa_server.cli.connection import ask_for, connect
from mdsa_server.cli.options import configuration_options, read_configuration, run

if TYPE_CHECKING:
    from mdsa_server.configuration import Loaded

COLORS = {"active": "green", "quarantined": "red", "disabled": "yellow"}
MARGIN = " " * 12


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@configuration_options
def plugins(as_json: bool, data: Path | None, config: Path | None) -> None:
    """List the plugins, what each offers, and its faults."""
    run(_plugins(read_configuration(config, data), as_json))


async def _plugins(loaded: Loaded, as_json: bool) -> None:
    async with connect(loaded) as client:
        found = await ask_for(client, "GET", "/api/plugins")
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for plugin in found:
        _print_plugin(plugin)


def _print_plugin(plugin: dict[str, Any]) -> None:
    state = click.style(f"{plugin['state']:<{len(MARGIN)}}", fg=COLORS.get(plugin["state"]))
    offers = ", ".join(f"{offer['kind']} {offer['name']}" for offer in plugin["offers"]) or "offers nothing"
    name = click.style(plugin["name"], bold=True)
    click.echo(f"{state}{name} {plugin['version']} ({plugin['source']}): {offers}")
    click.secho(f"{MARGIN}{plugin['location']}", dim=True)
    for fault in plugin["faults"]:
        click.secho(f"{MARGIN}{fault['hook']}: {fault['reason']}", fg="red")
