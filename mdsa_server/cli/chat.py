"""`mdsa chat`, `mdsa ask` and `mdsa route`: the server's answers in a terminal."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mdsa_server.cli.connection import Refused, ask_for, connect, events_of, print_problem, run
from mdsa_server.cli.options import configuration_options, read_configuration

if TYPE_CHECKING:
    import httpx

HELP = """\
  /domain NAME   have NAME answer; /domain alone leaves it to the routers again
  /domains       list the domains
  /new           begin another conversation
  /stats         what the server has counted
  /help          this
  /quit          leave (or Ctrl-D)
Ctrl-C stops an answer."""


@dataclass
class Talk:
    """A conversation in a terminal."""

    client: httpx.AsyncClient
    conversation: str | None = None
    domain: str | None = None
    turn: str | None = None
    """The turn under way."""
    domains: list[dict[str, Any]] = field(default_factory=list)


@click.command()
@click.option("--domain", help="The domain that must answer.")
@configuration_options
def chat(domain: str | None, data: Path | None, config: Path | None) -> None:
    """Talk with the team. /help lists what else you can type."""
    run(_chat(read_configuration(config, data), domain))


@click.command()
@click.argument("message")
@click.option("--domain", help="The domain that must answer.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole turn as one JSON object.")
@configuration_options
def ask(message: str, domain: str | None, as_json: bool, data: Path | None, config: Path | None) -> None:
    """Ask one question. `-` reads it from standard input."""
    text = sys.stdin.read() if message == "-" else message
    run(_ask(read_configuration(config, data), text, domain, as_json))


@click.command()
@click.argument("message")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@configuration_options
def route(message: str, as_json: bool, data: Path | None, config: Path | None) -> None:
    """Say which domain would answer, and why; no model runs."""
    run(_route(read_configuration(config, data), message, as_json))


async def _chat(loaded: Any, domain: str | None) -> None:
    async with connect(loaded) as client:
        talk = Talk(client, domains=await ask_for(client, "GET", "/api/domains"))
        if domain:
            _choose_domain(talk, domain)
        names = ", ".join(click.style(found["name"], bold=True) for found in talk.domains)
        click.echo(f"The team: {names}. /help tells what you can type.\n")
        while (line := await _read_line(talk)) is not None:
            if line.startswith("/"):
                if not await _obey(talk, line):
                    return
            elif line:
                await _say(talk, line)


async def _read_line(talk: Talk) -> str | None:
    """Read what is typed; None at the end of input."""
    prompt = click.style(f"{talk.domain or 'you'}> ", fg="cyan", bold=True)
    try:
        return (await asyncio.to_thread(input, prompt)).strip()
    except EOFError:
        click.echo()
        return None


async def _obey(talk: Talk, line: str) -> bool:
    """Carry out a line that begins with a slash; False when it means to leave."""
    command, _, rest = line[1:].partition(" ")
    match command:
        case "quit" | "exit" | "q":
            return False
        case "help":
            click.echo(HELP)
        case "new":
            talk.conversation = None
            click.echo("A new conversation.")
        case "domain":
            _choose_domain(talk, rest.strip())
        case "domains":
            for found in talk.domains:
                click.echo(f"  {click.style(found['name'], bold=True)}  {found['description']}")
        case "stats":
            _print_stats(await ask_for(talk.client, "GET", "/api/metrics"))
        case _:
            click.echo(f"/{command} means nothing here. /help lists what does.")
    return True


def _choose_domain(talk: Talk, name: str) -> None:
    known = [found["name"] for found in talk.domains]
    if name and name not in known:
        click.echo(f"No domain is named {name}. There are: {', '.join(known)}.")
        return
    talk.domain = name or None
    click.echo(f"{name} answers from now on." if name else "The routers decide again.")


async def _say(talk: Talk, message: str) -> None:
    """Send a message and print the answer as it comes; Ctrl-C stops it."""
    body = {"message": message, "conversation": talk.conversation, "domain": talk.domain}
    answering = asyncio.create_task(_stream_answer(talk, body))
    with _interrupts_stop(talk):
        try:
            await answering
        except Refused as refused:
            print_problem(refused.problem)
    click.echo()


@contextmanager
def _interrupts_stop(talk: Talk) -> Iterator[None]:
    """Have Ctrl-C cancel the turn under way, so that its stream ends by itself."""
    loop = asyncio.get_running_loop()
    cancelling: set[asyncio.Task[None]] = set()

    def stop() -> None:
        if talk.turn and not cancelling:
            cancelling.add(loop.create_task(_cancel(talk, talk.turn)))

    before = signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(stop))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


async def _cancel(talk: Talk, turn: str) -> None:
    with suppress(Refused):
        await ask_for(talk.client, "POST", f"/api/turns/{turn}/cancel")


async def _stream_answer(talk: Talk, body: dict[str, Any]) -> None:
    """Print an answer as it comes, and after it a line that says where it came from."""
    headers = {"Accept": "text/event-stream"}
    route: dict[str, Any] = {}
    try:
        async with talk.client.stream("POST", "/api/chat", json=body, headers=headers) as response:
            async for name, event in events_of(response):
                match name:
                    case "turn_started":
                        talk.turn, talk.conversation = event["turn"], event["conversation"]
                    case "route_chosen":
                        route = event["route"]
                    case "model_waiting":
                        _note(f"waiting for {event['model']}, place {event['place']} ...")
                    case "model_loading":
                        _note(f"loading {event['model']} ...")
                    case "thinking":
                        click.secho(event["text"], dim=True, nl=False)
                    case "token":
                        click.echo(event["text"], nl=False)
                    case "turn_finished":
                        click.echo()
                        _note(_closing_line(route, event))
                    case "turn_failed":
                        click.echo()
                        raise Refused(event["problem"])
    finally:
        talk.turn = None


def _closing_line(route: dict[str, Any], event: dict[str, Any]) -> str:
    """`[general · 152 ms · confidence 0.95]`."""
    seconds = event["timings"]["total"]
    time = f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
    stopped = " · stopped" if event["reason"] == "cancelled" else ""
    decided = f"{route['domain']} · {time} · confidence {route['confidence']:.2f}" if route else time
    return f"[{decided}{stopped}]"


def _note(text: str) -> None:
    click.secho(text, dim=True)


def _print_stats(metrics: dict[str, Any]) -> None:
    turns = metrics["turns"]
    rows = [
        ("turns", f"{turns['turns_answered']} answered, {turns['turns_failed']} failed, {turns['turns_cancelled']} stopped"),
        ("domains", ", ".join(f"{name} {count}" for name, count in turns["turns_by_domain"].items()) or "none yet"),
        ("tokens", f"{turns['prompt_tokens']} read, {turns['answer_tokens']} written"),
        ("up", f"{metrics['uptime_seconds'] / 60:.0f} min, version {metrics['version']}"),
    ]
    if spans := turns["seconds_to_answer"]:
        rows.insert(2, ("to answer", f"half within {spans['p50']:.2f} s, 95 % within {spans['p95']:.2f} s"))
    for name, value in rows:
        click.echo(f"  {name:<10} {value}")


async def _ask(loaded: Any, message: str, domain: str | None, as_json: bool) -> None:
    body = {"message": message, "domain": domain}
    async with connect(loaded) as client:
        if as_json:
            answer = await ask_for(client, "POST", "/api/chat", json=body)
            click.echo(json.dumps(answer["turn"], ensure_ascii=False))
        else:
            await _stream_answer(Talk(client), body)


async def _route(loaded: Any, message: str, as_json: bool) -> None:
    async with connect(loaded) as client:
        decided = await ask_for(client, "POST", "/api/route", json={"message": message})
    if as_json:
        click.echo(json.dumps(decided, ensure_ascii=False))
        return
    click.echo(
        f"{click.style(decided['domain'], bold=True)}  confidence {decided['confidence']:.2f}, "
        f"decided by {decided['router']} in {decided['seconds'] * 1000:.0f} ms"
    )
    for candidate in decided["candidates"]:
        bar = "█" * round(candidate["confidence"] * 20)
        click.echo(f"  {candidate['domain']:<16} {candidate['confidence']:.2f}  {bar}")
    for seen in decided["evidence"]:
        weight = f"  {seen['weight']:.2f}" if seen.get("weight") is not None else ""
        _note(f"  {seen['kind']:<12} {seen.get('domain') or '':<10} {seen['text']}{weight}")


