"""`mdsa search`: passages out of documents."""

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

SNIPPET = 240
DATE = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"])


@click.command()
@click.argument("message")
@click.option("--collection", "collections", multiple=True, help="A collection to search, else all; may be repeated.")
@click.option("--source", help="A pattern that the document's source must match, such as '*/manual/*'.")
@click.option("--type", "types", multiple=True, help="A type of document, such as pdf; may be repeated.")
@click.option("--tag", "tags", multiple=True, help="A tag that the document must have; may be repeated.")
@click.option("--since", type=DATE, help="Only documents last written then or later: 2024-01-31, or with a time.")
@click.option("--until", type=DATE, help="Only documents last written before.")
@click.option("--most", type=click.IntRange(1, 100), default=8, show_default=True, help="How many passages to print.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@configuration_options
def search(
    message: str,
    collections: tuple[str, ...],
    source: str | None,
    types: tuple[str, ...],
    tags: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    most: int,
    as_json: bool,
    data: Path | None,
    config: Path | None,
) -> None:
    """Find passages in the documents, by words and by meaning; no model answers."""
    body = {
        "message": message,
        "collections": list(collections) or None,
        "source": source,
        "types": list(types),
        "tags": list(tags),
        "since": _moment(since),
        "until": _moment(until),
        "most": most,
    }
    run(_search(read_configuration(config, data), body, as_json))


def _moment(when: datetime | None) -> str | None:
    """Write a time with its zone: it is meant by the clock of this machine."""
    if when is None:
        return None
    try:
        return when.astimezone().isoformat()
    except (OverflowError, ValueError):
        return when.isoformat()  # The first and last days there are have no other zones.


async def _search(loaded: Loaded, body: dict[str, Any], as_json: bool) -> None:
    async with connect(loaded) as client:
        answer = await ask_for(client, "POST", "/api/search", json=body)
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    if not answer["passages"]:
        click.echo("Nothing was found.")
    for number, passage in enumerate(answer["passages"], 1):
        click.echo(
            f"{click.style(f'[{number}]', fg='cyan')} {click.style(printable(passage['title']), bold=True)}"
            f"  {_where(passage)}"
        )
        click.secho("    " + "  ".join(f"{name} {score:.3g}" for name, score in passage["scores"].items()), dim=True)
        text = printable(" ".join(passage["text"].split()))
        click.echo("    " + (text if len(text) <= SNIPPET else text[:SNIPPET] + " …"))


def _where(passage: dict[str, Any]) -> str:
    place = " > ".join(passage.get("heading", ()))
    page = f", page {passage['page']}" if passage.get("page") else ""
    return click.style(printable(f"{passage['source']}{page}{f'  {place}' if place else ''}"), dim=True)
