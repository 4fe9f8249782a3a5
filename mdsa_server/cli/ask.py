"""`mdsa ask` and `mdsa route`: one message, answered or only routed."""

from __future__ import annotations

import json
import sys
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mdsa_server.cli.calls import Allow, always, ask_once, heed_call, is_terminal, never
from mdsa_server.cli.connection import ask_for, connect
from mdsa_server.cli.options import configuration_options, read_configuration, run
from mdsa_server.cli.turns import TurnSoFar, likely, note, print_turn, sure, turn_events

if TYPE_CHECKING:
    from mdsa_server.configuration import Loaded

BAR = 20
NONE = "none of them"


@click.command()
@click.argument("message")
@click.option("--domain", help="The domain that must answer.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole turn as one JSON object.")
@click.option("--allow-tools", is_flag=True, help="Say yes to every call of a tool that waits to be allowed.")
@configuration_options
def ask(
    message: str, domain: str | None, as_json: bool, allow_tools: bool, data: Path | None, config: Path | None
) -> None:
    """Ask one question. A message of - is read from standard input."""
    text = sys.stdin.read() if message == "-" else message
    body = {"message": text, "domain": domain, "on_tie": "best"}
    allow = always if allow_tools else ask_once if is_terminal() else never
    run(_ask(read_configuration(config, data), body, allow, as_json=as_json))


@click.command()
@click.argument("message")
@click.option("--after", help="The domain that answered before: the message goes on with what was said.")
@click.option("--json", "as_json", is_flag=True, help="Print the route as one JSON object.")
@configuration_options
def route(message: str, after: str | None, as_json: bool, data: Path | None, config: Path | None) -> None:
    """Say which domain would answer, and why; no model runs."""
    run(_route(read_configuration(config, data), {"message": message, "previous": after}, as_json))


async def _ask(loaded: Loaded, body: dict[str, Any], allow: Allow, *, as_json: bool) -> None:
    turn = TurnSoFar()
    async with connect(loaded) as client:
        if not as_json:
            await print_turn(client, body, turn, allow)
            return
        async with aclosing(turn_events(client, body, turn)) as events:
            async for name, event in events:
                await heed_call(client, str(turn.id), name, event, allow)
        whole = await ask_for(client, "GET", f"/api/turns/{turn.id}")
    click.echo(json.dumps(whole, ensure_ascii=False))
    if whole["outcome"] == "failed":
        sys.exit(1)


async def _route(loaded: Loaded, body: dict[str, Any], as_json: bool) -> None:
    async with connect(loaded) as client:
        decided = await ask_for(client, "POST", "/api/route", json=body)
    if as_json:
        click.echo(json.dumps(decided, ensure_ascii=False))
    else:
        _print_route(decided)


def _print_route(route: dict[str, Any]) -> None:
    import msgspec

    from mdsa_server.routing.explain import explain
    from mdsa_server.vocabulary.routing import Route

    click.echo(
        f"{click.style(route['domain'], bold=True)}  confidence {sure(route['confidence'])}, "
        f"decided by {route['router']} in {route['seconds'] * 1000:.1f} ms, "
        f"{route['embedding_seconds'] * 1000:.1f} ms of them to embed the message"
    )
    click.echo(explain(msgspec.convert(route, Route)))
    rows = [(candidate["domain"], candidate["confidence"]) for candidate in route["candidates"]]
    if route["out_of_scope"] is not None:
        rows.append((NONE, route["out_of_scope"]))
    width = max((len(name) for name, _ in rows), default=0)
    for name, confidence in rows:
        click.echo(f"  {name:<{width}}  {likely(confidence)}  {'█' * round(confidence * BAR)}")
    for seen in route["evidence"]:
        weight = f"  {seen['weight']:.2f}" if seen["weight"] is not None else ""
        note(f"  {seen['kind']} for {seen['domain'] or 'no domain'}: {seen['text']}{weight}")
