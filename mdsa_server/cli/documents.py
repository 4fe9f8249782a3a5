"""`mdsa documents` and `mdsa search`: documents in, passages out."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mdsa_server.cli.connection import ask_for, connect
from mdsa_server.cli.event_stream import events_of
from mdsa_server.cli.ingestion_bar import IngestionBar
from mdsa_server.cli.options import configuration_options, read_configuration, run
from mdsa_server.cli.problems import FAILED, Refused

if TYPE_CHECKING:
    from mdsa_server.configuration import Loaded

EVENTS = {"Accept": "text/event-stream"}
MOST_LISTED = 1000
SNIPPET = 240

collection_option = click.option("--collection", help="The collection; else all.")
into_option = click.option("--collection", required=True, help="The collection to take them into.")
tag_option = click.option("--tag", "tags", multiple=True, help="A tag that the documents are given; may be repeated.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group()
def documents() -> None:
    """Take documents in, list them, read them, delete them."""


@documents.command()
@click.argument("paths", nargs=-1, required=True)
@into_option
@tag_option
@configuration_options
def add(paths: tuple[str, ...], collection: str, tags: tuple[str, ...], data: Path | None, config: Path | None) -> None:
    """Take in files, folders and what patterns match. What is unchanged since it was taken in is passed over.

    It ends with 1 where a file was refused; the others are taken in.
    """
    body = {"paths": [_whole(path) for path in paths], "collection": collection, "tags": list(tags)}
    run(_take_in(read_configuration(config, data), "/api/documents", body))


@documents.command()
@click.argument("folder")
@into_option
@tag_option
@configuration_options
def sync(folder: str, collection: str, tags: tuple[str, ...], data: Path | None, config: Path | None) -> None:
    """Have a collection hold what a folder holds now: what is new or changed is taken in, what is gone is deleted."""
    body = {"folder": _whole(folder), "collection": collection, "tags": list(tags)}
    run(_take_in(read_configuration(config, data), "/api/documents/sync", body))


@documents.command()
@click.option("--collection", required=True, help="The collection.")
@configuration_options
def reindex(collection: str, data: Path | None, config: Path | None) -> None:
    """Read the files of a collection anew, whether they have changed or not; what was sent without a file stays."""
    run(_take_in(read_configuration(config, data), "/api/documents/reindex", {"collection": collection}))


@documents.command("list")
@collection_option
@json_option
@configuration_options
def list_documents(collection: str | None, as_json: bool, data: Path | None, config: Path | None) -> None:
    """List the documents, with the ids by which the other commands know them."""
    run(_list(read_configuration(config, data), collection, as_json))


@documents.command()
@click.argument("document")
@json_option
@configuration_options
def show(document: str, as_json: bool, data: Path | None, config: Path | None) -> None:
    """Print a document as it was taken in, passage by passage."""
    run(_show(read_configuration(config, data), document, as_json))


@documents.command()
@click.argument("ids", metavar="DOCUMENT...", nargs=-1, required=True)
@configuration_options
def delete(ids: tuple[str, ...], data: Path | None, config: Path | None) -> None:
    """Delete documents from the server; the files they came from stay."""
    run(_delete(read_configuration(config, data), ids))


@click.command()
@click.argument("message")
@click.option("--collection", "collections", multiple=True, help="A collection to search, else all; may be repeated.")
@click.option("--source", help="A pattern that the document's source must match, such as '*/manual/*'.")
@click.option("--type", "types", multiple=True, help="A type of document, such as pdf; may be repeated.")
@click.option("--tag", "tags", multiple=True, help="A tag that the document must have; may be repeated.")
@click.option("--most", type=click.IntRange(1, 100), default=8, show_default=True, help="How many passages to print.")
@json_option
@configuration_options
def search(
    message: str,
    collections: tuple[str, ...],
    source: str | None,
    types: tuple[str, ...],
    tags: tuple[str, ...],
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
        "most": most,
    }
    run(_search(read_configuration(config, data), body, as_json))


def _whole(path: str) -> str:
    """Make a path or pattern absolute: the server may stand in another folder."""
    return str(Path(path).expanduser().absolute())


async def _take_in(loaded: Loaded, path: str, body: dict[str, Any]) -> None:
    refused = 0
    async with (
        connect(loaded) as client,
        client.stream("POST", path, json=body, headers=EVENTS) as response,
    ):
        with IngestionBar(body["collection"]) as progress:
            async for event, told in events_of(response):
                progress.tell(event, told)
                match event:
                    case "document_refused":
                        refused += 1
                        progress.say(click.style(told["problem"]["detail"], fg="red"))
                        progress.say(f"  {told['problem']['mend']}")
                    case "document_gone":
                        progress.say(f"gone: {told['source']}")
                    case "ingestion_failed":
                        raise Refused.by_server(told["problem"])
                    case "ingestion_finished":
                        progress.close()
                        click.echo(_summary(told))
    if refused:
        click.get_current_context().exit(FAILED)


def _summary(told: dict[str, Any]) -> str:
    parts = [f"{told[key]} {key}" for key in ("new", "changed", "unchanged", "gone", "refused") if told[key]]
    made = f"; {told['passages']} passages in {told['at']:.1f} s" if told["passages"] else ""
    return (", ".join(parts) or "nothing to take in") + made


async def _list(loaded: Loaded, collection: str | None, as_json: bool) -> None:
    found: list[dict[str, Any]] = []
    wanted = {"limit": MOST_LISTED, **({"collection": collection} if collection else {})}
    async with connect(loaded) as client:
        while True:
            after = {"after": found[-1]["id"]} if found else {}
            page = (await ask_for(client, "GET", "/api/documents", params=wanted | after))["documents"]
            found += page
            if len(page) < MOST_LISTED:
                break
    if as_json:
        click.echo(json.dumps({"documents": found}, ensure_ascii=False))
        return
    if not found:
        click.echo("There are no documents. Take some in: mdsa documents add PATH --collection NAME")
    for one in found:
        added = datetime.fromisoformat(one["added"]).astimezone()
        click.echo(
            f"{one['id']}  {one['collection']}  {one['passages']:>5} passages  {added:%Y-%m-%d %H:%M}  {one['source']}"
        )


async def _show(loaded: Loaded, document: str, as_json: bool) -> None:
    async with connect(loaded) as client:
        answer = await ask_for(client, "GET", f"/api/documents/{document}")
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    found = answer["document"]
    click.secho(found["title"], bold=True)
    click.secho(f"{found['source']}  {found['collection']}  {found['type']}", dim=True)
    for passage in answer["passages"]:
        click.secho(f"\n{_place(passage)}", fg="cyan")
        click.echo(passage["text"].strip())


async def _delete(loaded: Loaded, ids: tuple[str, ...]) -> None:
    async with connect(loaded) as client:
        for document in ids:
            await ask_for(client, "DELETE", f"/api/documents/{document}")
            click.echo(f"{document} is deleted.")


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
            f"{click.style(f'[{number}]', fg='cyan')} {click.style(passage['title'], bold=True)}  {_where(passage)}"
        )
        click.secho("    " + "  ".join(f"{name} {score:.3g}" for name, score in passage["scores"].items()), dim=True)
        text = " ".join(passage["text"].split())
        click.echo("    " + (text if len(text) <= SNIPPET else text[:SNIPPET] + " …"))


def _place(passage: dict[str, Any]) -> str:
    page = f"page {passage['page']}" if passage.get("page") else ""
    return " > ".join((*passage.get("heading", ()), *([page] if page else []))) or f"passage {passage['place'] + 1}"


def _where(passage: dict[str, Any]) -> str:
    place = " > ".join(passage.get("heading", ()))
    page = f", page {passage['page']}" if passage.get("page") else ""
    return click.style(f"{passage['source']}{page}{f'  {place}' if place else ''}", dim=True)
