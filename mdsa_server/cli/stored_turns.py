"""`mdsa turns`: the turns that are kept, found by their words, and where the time of each went."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from mdsa_server.cli.connection import ask_for, connect
from mdsa_server.cli.options import configuration_options, read_configuration, run
from mdsa_server.cli.turns import note
from mdsa_server.vocabulary.call_text import printable

if TYPE_CHECKING:
    from mdsa_server.configuration import Loaded

WIDTH = 80
BAR = 30
OUTCOMES = {"answered": "answered", "failed": "failed", "cancelled": "stopped", "running": "running"}
COLORS = {"failed": "red", "cancelled": "yellow"}


@click.group()
def turns() -> None:
    """Find turns that were sent before, and see where the time of one went."""


@turns.command("list")
@click.option("--query", default="", help="Words, or beginnings of words, in messages and answers.")
@click.option("--outcome", type=click.Choice(list(OUTCOMES)), help="Only those that ended so.")
@click.option("--domain", help="Only those that this domain answered.")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True, help="How many at most.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@configuration_options
def list_turns(
    query: str,
    outcome: str | None,
    domain: str | None,
    limit: int,
    as_json: bool,
    data: Path | None,
    config: Path | None,
) -> None:
    """List turns, newest first: when each was sent, how it ended, who answered, what it took, its message and id."""
    asked = {"query": query, "outcome": outcome, "domain": domain, "limit": limit}
    kept = {name: value for name, value in asked.items() if value is not None}
    run(_list(read_configuration(config, data), kept, as_json))


@turns.command()
@click.argument("turn")
@click.option("--json", "as_json", is_flag=True, help="Print the spans and the events as one JSON object.")
@configuration_options
def show(turn: str, as_json: bool, data: Path | None, config: Path | None) -> None:
    """Show where a turn's time went, a line for each stage."""
    run(_show(read_configuration(config, data), turn, as_json))


async def _list(loaded: Loaded, asked: dict[str, Any], as_json: bool) -> None:
    async with connect(loaded) as client:
        found = (await ask_for(client, "GET", "/api/turns", params=asked))["turns"]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    if not found:
        click.echo("No turn is like that." if len(asked) > 2 or asked["query"] else "No message was sent yet.")
    for turn in found:
        sent = datetime.fromisoformat(turn["started"]).astimezone()
        took = f"{turn['seconds']:.2f} s" if turn["seconds"] is not None else "–"
        outcome = click.style(f"{OUTCOMES[turn['outcome']]:<8}", fg=COLORS.get(turn["outcome"]))
        click.echo(f"{sent:%Y-%m-%d %H:%M}  {outcome}  {took:>9}  {turn['domain'] or '–'}")
        click.echo(f"  {_shortened(turn['message'])}")
        note(f"  {turn['id']}{'  ' + turn['model'] if turn['model'] else ''}")


async def _show(loaded: Loaded, turn: str, as_json: bool) -> None:
    async with connect(loaded) as client:
        told = await ask_for(client, "GET", f"/api/turns/{quote(turn, safe='')}/trace")
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    trace = told["trace"]
    if not trace["whole"]:
        click.echo("Only the end of this turn is kept.")
    whole = trace["seconds"] or 1.0
    for depth, span in _spans(trace["spans"], 0):
        name = f"{'  ' * depth}{span['kind']} {printable(span['name'])}".rstrip()
        start = min(round(span["start"] / whole * BAR), BAR - 1)
        length = max(round(span["end"] / whole * BAR) - start, 1)
        bar = f"{' ' * start}{'█' * length}"
        click.echo(f"{name[:28]:<28}  {bar:<{BAR}}  {(span['end'] - span['start']) * 1000:>10,.1f} ms")
    note(f"{trace['seconds']:.3f} s {'in all' if trace['ended'] else 'so far'}")


def _spans(spans: list[dict[str, Any]], depth: int) -> Iterator[tuple[int, dict[str, Any]]]:
    for span in spans:
        yield depth, span
        yield from _spans(span["parts"], depth + 1)


def _shortened(message: str) -> str:
    line = printable(" ".join(message.split()))
    return line if len(line) <= WIDTH - 2 else f"{line[: WIDTH - 4]} …"
