"""`mdsa documents`: taken in, listed, read, deleted."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from mdsa_server.cli.connection import ask_for, connect
from mdsa_server.cli.event_stream import events_of
from mdsa_server.cli.ingestion_bar import IngestionBar
from mdsa_server.cli.options import configuration_options, read_configuration, run
from mdsa_server.cli.problems import FAILED, Refused
from mdsa_server.vocabulary.call_text import printable, readable

if TYPE_CHECKING:
    import httpx

    from mdsa_server.configuration import Loaded

EVENTS = {"Accept": "text/event-stream"}
MOST_LISTED = 1000

collection_option = click.option("--collection", help="The collection; else all.")
into_option = click.option("--collection", required=True, help="The collection to take them into.")
tag_option = click.option(
    "--tag",
    "tags",
    multiple=True,
    help="A tag that the documents are given; may be repeated. Without any they keep theirs.",
)
no_tags_option = click.option("--no-tags", is_flag=True, help="Take away the tags that the documents have.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group()
def documents() -> None:
    """Take documents in, list them, read them, delete them."""


@documents.command()
@click.argument("paths", nargs=-1, required=True)
@into_option
@tag_option
@no_tags_option
@configuration_options
def add(
    paths: tuple[str, ...],
    collection: str,
    tags: tuple[str, ...],
    no_tags: bool,
    data: Path | None,
    config: Path | None,
) -> None:
    """Take in files, folders and what patterns match. What is unchanged since it was taken in is passed over.

    It ends with 1 where a file was refused; the others are taken in.
    """
    body = {"paths": [_whole(path) for path in paths], "collection": collection} | _tags(tags, no_tags)
    run(_take_in(read_configuration(config, data), "/api/documents", body))


@documents.command()
@click.argument("folder")
@into_option
@tag_option
@no_tags_option
@configuration_options
def sync(
    folder: str, collection: str, tags: tuple[str, ...], no_tags: bool, data: Path | None, config: Path | None
) -> None:
    """Have a collection hold what a folder holds now: what is new or changed is taken in, what is gone is deleted."""
    body = {"folder": _whole(folder), "collection": collection} | _tags(tags, no_tags)
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
@click.argument("ids", metavar="DOCUMENT...", nargs=-1)
@click.option("--collection", help="Delete this collection, with all its documents.")
@click.option("--yes", is_flag=True, help="Do not ask whether the collection is meant.")
@configuration_options
def delete(ids: tuple[str, ...], collection: str | None, yes: bool, data: Path | None, config: Path | None) -> None:
    """Delete documents from the server; the files they came from stay.

    It ends with 1 where one of them is not there; the others are deleted.
    """
    if bool(ids) == bool(collection):
        raise click.UsageError("Name documents by their ids, or a collection with --collection.")
    loaded = read_configuration(config, data)
    run(_delete_collection(loaded, collection, yes) if collection else _delete(loaded, ids))


def _whole(path: str) -> str:
    """Make a path or pattern absolute: the server may stand in another folder, and says what is wrong with one."""
    # Not Path.expanduser: that raises where there is no such home. And nothing is taken away by name alone, such as
    # `..` behind a link.
    return os.path.join(os.getcwd(), os.path.expanduser(path)) if path.strip() else path


def _tags(tags: tuple[str, ...], no_tags: bool) -> dict[str, list[str]]:
    """Give the tags as a request has them. Raises UsageError where both some and none are asked for."""
    if tags and no_tags:
        raise click.UsageError("--tag and --no-tags contradict each other.")
    return {"tags": list(tags)} if tags or no_tags else {}


async def _take_in(loaded: Loaded, path: str, body: dict[str, Any]) -> None:
    refused = 0
    async with (
        connect(loaded) as client,
        client.stream("POST", path, json=body, headers=EVENTS) as response,
        _cancelled_with_us(client, response),
    ):
        with IngestionBar(body["collection"]) as progress:
            async for event, told in events_of(response):
                progress.tell(event, told)
                match event:
                    case "document_refused":
                        refused += 1
                        progress.say(click.style(printable(told["problem"]["detail"]), fg="red"))
                        progress.say(f"  {told['problem']['mend']}")
                    case "document_gone":
                        progress.say(f"gone: {told['source']}")
                    case "ingestion_failed":
                        raise Refused.by_server(told["problem"])
                    case "ingestion_finished":
                        progress.close()
                        click.echo(_summary(told))
        await _say_who_reads(client, body["collection"])
    if refused:
        click.get_current_context().exit(FAILED)


@asynccontextmanager
async def _cancelled_with_us(client: httpx.AsyncClient, response: httpx.Response) -> AsyncIterator[None]:
    """Have Ctrl-C end the ingestion too: the server would go on with it."""
    try:
        yield
    except asyncio.CancelledError:
        if events := response.headers.get("Location"):
            await client.post(f"{events.removesuffix('/events')}/cancel")
            click.echo("Cancelled. What was taken in until then stays.", err=True)
        raise


async def _say_who_reads(client: httpx.AsyncClient, collection: str) -> None:
    """Say so where no domain answers from a collection: it would be searched by nobody who asks in the chat."""
    domains = await ask_for(client, "GET", "/api/domains")
    if not any(collection in domain["collections"] for domain in domains):
        click.echo(
            f"No domain answers from {collection} yet. Name it in mdsa.toml, and reload: mdsa reload\n\n"
            f"  [domains.NAME]\n  collections = [{json.dumps(collection, ensure_ascii=False)}]",
            err=True,
        )


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
        facts = f"{one['id']}  {one['collection']}  {one['passages']:>5} passages  {added:%Y-%m-%d %H:%M}"
        click.echo(f"{facts}  {printable(one['source'])}")


async def _show(loaded: Loaded, document: str, as_json: bool) -> None:
    async with connect(loaded) as client:
        answer = await ask_for(client, "GET", f"/api/documents/{document}")
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    found = answer["document"]
    click.secho(printable(found["title"]), bold=True)
    click.secho(f"{printable(found['source'])}  {found['collection']}  {found['type']}", dim=True)
    for passage in answer["passages"]:
        click.secho(f"\n{printable(_place(passage))}", fg="cyan")
        click.echo(readable(passage["text"].strip()))


async def _delete(loaded: Loaded, ids: tuple[str, ...]) -> None:
    missing = 0
    async with connect(loaded) as client:
        for document in ids:
            try:
                await ask_for(client, "DELETE", f"/api/documents/{quote(document, safe='')}")
                click.echo(f"{document} is deleted.")
            except Refused as problem:
                problem.show()
                missing += 1
    if missing:
        click.get_current_context().exit(FAILED)


async def _delete_collection(loaded: Loaded, name: str, yes: bool) -> None:
    async with connect(loaded) as client:
        if not yes:
            known = {one["name"]: one for one in (await ask_for(client, "GET", "/api/collections"))["collections"]}
            count = known[name]["documents"] if name in known else 0
            click.confirm(f"Delete {name} with its {count:,} documents? The files they came from stay.", abort=True)
        deleted = await ask_for(client, "DELETE", f"/api/collections/{quote(name, safe='')}")
    click.echo(f"{name} is deleted, with {deleted['documents']:,} documents.")


def _place(passage: dict[str, Any]) -> str:
    page = f"page {passage['page']}" if passage.get("page") else ""
    return " > ".join((*passage.get("heading", ()), *([page] if page else []))) or f"passage {passage['place'] + 1}"
