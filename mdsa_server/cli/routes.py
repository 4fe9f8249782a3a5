"""`mdsa routes`: corrections of wrong routes, reviewed in the terminal."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mdsa_server.cli.connection import ask_for, connect
from mdsa_server.cli.options import configuration_options, read_configuration, run
from mdsa_server.cli.problems import Refused

if TYPE_CHECKING:
    import httpx

    from mdsa_server.configuration import Loaded

CHOICES = {"a": "accept", "r": "reject", "s": "skip", "q": "quit"}


@click.group()
def routes() -> None:
    """Review what people said of routes that were wrong."""


@routes.command()
@click.option("--list", "only_list", is_flag=True, help="Print the corrections that wait, and ask nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print them as a JSON list, and ask nothing.")
@click.option("--force", is_flag=True, help="Accept even what makes the routers worse.")
@configuration_options
def review(only_list: bool, as_json: bool, force: bool, data: Path | None, config: Path | None) -> None:
    """Accept, reject or skip each correction that waits."""
    run(_review(read_configuration(config, data), only_list=only_list, as_json=as_json, force=force))


@routes.command()
@click.argument("correction", metavar="ID")
@click.option("--force", is_flag=True, help="Accept it even if it makes the routers worse.")
@configuration_options
def accept(correction: str, force: bool, data: Path | None, config: Path | None) -> None:
    """Teach the routers a correction."""
    run(_one(read_configuration(config, data), correction, "accept", force=force))


@routes.command()
@click.argument("correction", metavar="ID")
@configuration_options
def reject(correction: str, data: Path | None, config: Path | None) -> None:
    """Reject a correction; if it had been accepted, the routers forget it."""
    run(_one(read_configuration(config, data), correction, "reject"))


async def _review(loaded: Loaded, *, only_list: bool, as_json: bool, force: bool) -> None:
    async with connect(loaded) as client:
        pending = await ask_for(client, "GET", "/api/corrections", params={"state": "pending"})
        if as_json:
            click.echo(json.dumps(pending, ensure_ascii=False))
            return
        if not pending:
            click.echo("No correction waits for review.")
        for correction in pending:
            _print(correction)
            # In a thread: a server that was started for this command runs in this very loop.
            choice = "skip" if only_list else await asyncio.to_thread(_choice)
            if choice == "quit":
                return
            if choice != "skip":
                try:
                    await _settle(client, correction["id"], choice, force=force)
                except Refused as refused:
                    refused.show()  # It stays pending; the others can be reviewed all the same.


async def _one(loaded: Loaded, correction: str, what: str, *, force: bool = False) -> None:
    async with connect(loaded) as client:
        await _settle(client, correction, what, force=force)


async def _settle(client: httpx.AsyncClient, correction: str, what: str, *, force: bool) -> None:
    """Accept or reject a correction, and say what came of it. Raises Refused."""
    body = {"json": {"force": force}} if what == "accept" else {}
    answer = await ask_for(client, "POST", f"/api/corrections/{correction}/{what}", **body)
    click.secho(f"{what}ed", fg="green" if what == "accept" else "yellow")
    if what == "accept":
        for one in answer["held_out"]:
            click.echo(
                f"  {one['router']} was right about {one['before']:.0%} of {one['messages']} messages"
                f" that it is tried on, and is now about {one['after']:.0%}"
            )
        for warning in answer["warnings"]:
            click.secho(f"  {warning}", fg="yellow")


def _print(correction: dict[str, Any]) -> None:
    click.secho(correction["message"], bold=True)
    right = correction["domain"] or "none of the domains"
    click.echo(f"  {correction['answered'] or 'no domain'} answered; right is {right}")
    click.secho(f"  {correction['id']}", dim=True)


def _choice() -> str:
    """Ask what to do with a correction; the end of the input means to leave."""
    while True:
        try:
            typed = input("accept, reject, skip or quit? [a/r/s/q] ").strip().lower()
        except EOFError:
            click.echo()
            return "quit"
        for letter, word in CHOICES.items():
            if typed in (letter, word):
                return word
