"""`mdsa audit`: who changed what the server does or keeps, and who was refused."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mdsa_server.cli.connection import ask_for, connect
from mdsa_server.cli.options import configuration_options, read_configuration, run
from mdsa_server.vocabulary.call_text import printable

if TYPE_CHECKING:
    from mdsa_server.configuration import Loaded


@click.command()
@click.option("--who", help="Only what this one did: a key's name or id, `this machine`, or `unknown`.")
@click.option("--what", default="", help="Only where this is part of what was done, or to what.")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True, help="How many at most.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@configuration_options
def audit(who: str | None, what: str, limit: int, as_json: bool, data: Path | None, config: Path | None) -> None:
    """List who changed what the server does or keeps, and who was refused, newest first."""
    asked = {"what": what, "limit": limit} | ({"who": who} if who else {})
    run(_list(read_configuration(config, data), asked, as_json))


async def _list(loaded: Loaded, asked: dict[str, Any], as_json: bool) -> None:
    async with connect(loaded) as client:
        found = (await ask_for(client, "GET", "/api/audit", params=asked))["entries"]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    if not found:
        click.echo("No entry is like that." if asked["what"] or "who" in asked else "Nothing was changed yet.")
    for entry in found:
        at = datetime.fromisoformat(entry["at"]).astimezone()
        outcome = "refused" if entry["refused"] else "failed" if entry["status"] >= 400 else "done"
        color = None if outcome == "done" else "yellow"
        named = " ".join(printable(value) for value in entry["parameters"].values())
        did = f"{click.style(printable(entry['who']), bold=True)}  {entry['operation']} {named}".rstrip()
        click.echo(f"{at:%Y-%m-%d %H:%M:%S}  {click.style(f'{outcome:<8}', fg=color)}{did}")
        key = f", key {entry['key']}" if entry["key"] else ""
        click.secho(f"{' ' * 21}{entry['status']} from {entry['address']}{key}", dim=True)
