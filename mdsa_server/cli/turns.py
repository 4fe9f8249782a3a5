"""A turn in the terminal: sent, printed as it comes, and stopped when its reader leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from mdsa_server.cli.calls import Allow, heed_call
from mdsa_server.cli.connection import ask_for
from mdsa_server.cli.event_stream import events_of
from mdsa_server.cli.problems import Refused
from mdsa_server.cli.sources import Sources
from mdsa_server.vocabulary.call_text import readable

if TYPE_CHECKING:
    import httpx

STREAM = {"Accept": "text/event-stream"}
# A load is told once it takes longer than this, in seconds.
SOON = 0.3
REASONS = {
    "gathering": "models in memory are not swapped at once",
    "another loads": "another model is being loaded",
    "in use": "what has to make room still answers",
    "running": "it answers as many as it may",
}
"""Why a turn waits, in words."""

ENDS = {
    "cancelled": "stopped",
    "length": "cut at the length limit",
    "no_passages": "nothing found, no model asked",
    "no_room": "nothing fits, no model asked",
}
"""Why an answer ended, in words."""


@dataclass
class TurnSoFar:
    """What is known of a turn as its events come."""

    id: str | None = None
    conversation: str | None = None
    route: dict[str, Any] | None = None
    ended: bool = False
    in_line: bool = False
    """Its text has not come to a line's end."""


async def print_turn(client: httpx.AsyncClient, body: dict[str, Any], turn: TurnSoFar, allow: Allow) -> None:
    """Print the answer to standard output as it comes, and what is said about it to standard error.

    `allow` is asked of calls of tools that wait to be allowed. Raises Refused where the turn fails.
    """
    sources = Sources()
    with ExitStack() as pending:
        async with aclosing(turn_events(client, body, turn)) as events:
            async for name, event in events:
                pending.close()
                sources.tell(name, event)
                match name:
                    case "route_chosen" if event["route"]["reason"] == "tied":
                        other = event["route"]["candidates"][1]["domain"]
                        note(f"{other} was about as likely: to have it answer, name it as the domain")
                    case "turn_unsaved":
                        why = event["problem"]
                        note(readable(f"not saved: {why['detail']}. {why['mend']} It is saved once it can be."))
                    case "history_unread":
                        note(readable(f"answered without what was said before: {event['problem']['detail']}"))
                    case "model_chosen" if event["model"] != event["preferred"]:
                        note(f"{event['model']} answers, which is in memory, and not {event['preferred']}")
                    case "model_waiting":
                        why = f": {REASONS[event['reason']]}" if event["reason"] in REASONS else ""
                        note(f"waiting for {event['model']}, place {event['place']} in line{why} ...")
                    case "model_loading":
                        # A model that the engine does not have is refused at once: it was never being loaded.
                        soon = asyncio.get_running_loop().call_later(SOON, note, f"loading {event['model']} ...")
                        pending.callback(soon.cancel)
                    case "thinking":
                        note(readable(event["text"]), nl=False)
                    case "token":
                        click.echo(readable(event["text"]), nl=False)
                        turn.in_line = not event["text"].endswith("\n")
                    case "tool_called" | "approval_asked" | "tool_returned":
                        if turn.in_line:
                            click.echo(err=True)
                        turn.in_line = False
                        await heed_call(client, str(turn.id), name, event, allow)
                    case "turn_finished":
                        click.echo()
                        for line in sources.lines():
                            note(readable(line))
                        note(closing_line(turn.route, event["timings"]["total"], event["reason"]))
                    case "turn_failed":
                        click.echo()
                        raise Refused.by_server(event["problem"])


async def turn_events(
    client: httpx.AsyncClient, body: dict[str, Any], turn: TurnSoFar
) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
    """Send a message and give the events of its turn, noting them in `turn`.

    Left before its end, the turn is stopped, and the engine with it. Raises Refused.
    """
    import anyio

    try:
        async with client.stream("POST", "/api/chat", json=body, headers=STREAM) as response:
            async for name, event in events_of(response):
                match name:
                    case "turn_started":
                        turn.id, turn.conversation = event["turn"], event["conversation"]
                    case "route_chosen":
                        turn.route = event["route"]
                    case "turn_finished" | "turn_failed":
                        turn.ended = True
                yield name, event
    finally:
        if turn.id and not turn.ended:
            # Whoever leaves is being cancelled: without a shield this request would be too.
            with anyio.CancelScope(shield=True):
                await stop_turn(client, turn.id)


async def stop_turn(client: httpx.AsyncClient, turn: str) -> None:
    """Stop a turn, and the engine with it; one that has ended stays as it is."""
    await ask_for(client, "POST", f"/api/turns/{turn}/cancel")


def closing_line(route: dict[str, Any] | None, seconds: float, reason: str) -> str:
    """Say where an answer came from: `[general · 152 ms · confidence 0.95]`."""
    parts = [f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"]
    if route:
        parts = [route["domain"], *parts, f"confidence {sure(route['confidence'])}"]
    if reason != "stop":
        parts.append(ENDS.get(reason, reason))
    return f"[{' · '.join(parts)}]"


def likely(confidence: float) -> str:
    """Write a candidate's confidence with two digits, and less than one of a hundred as that."""
    return "<.01" if 0 < confidence < 0.005 else sure(confidence)


def sure(confidence: float) -> str:
    """Write a confidence with two digits; what is not quite all or nothing is not shown as that."""
    return f"{min(max(confidence, 0.01), 0.99) if 0 < confidence < 1 else confidence:.2f}"


def note(text: str, *, nl: bool = True) -> None:
    """Say something about an answer, apart from it: a pipe gets the answer alone."""
    click.secho(text, dim=True, err=True, nl=nl)
