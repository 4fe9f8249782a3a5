"""Calls of tools in the terminal: told as they happen, and allowed by whoever sits there."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import click

from mdsa_server.cli.connection import raise_for_problem
from mdsa_server.vocabulary.call_text import arguments_in_full, call_in_short, printable

if TYPE_CHECKING:
    import httpx

Allow = Callable[[str], Awaitable[bool]]
"""Says whether what a question asks may be done."""

HOW_TO_ALLOW = "nobody is asked without a terminal: mdsa ask --allow-tools says yes to all"
OUTCOMES = {
    "refused": "refused",
    "invalid": "the arguments do not fit",
    "unknown": "there is no such tool",
    "failed": "failed",
    "denied": "denied",
}
"""What became of a call that gave no result, in words."""


async def heed_call(client: httpx.AsyncClient, turn: str, name: str, event: dict[str, Any], allow: Allow) -> None:
    """Tell an event of a call, and have one that waits allowed or denied. Raises Refused."""
    match name:
        case "tool_called":
            _note(f"· calls {call_in_short(event['tool'], event['arguments'])}")
        case "approval_asked":
            await _answer(client, turn, event["call"], approved=await allow(question_of(event)))
        case "tool_returned" if event["outcome"] in OUTCOMES:
            _note(f"· {printable(event['tool'])}: {OUTCOMES[event['outcome']]}")


def question_of(event: dict[str, Any]) -> str:
    """Ask whether a call may be made; where a line has no room for its arguments they stand above it, whole."""
    short = call_in_short(event["tool"], event["arguments"])
    above = f"{arguments_in_full(event['arguments'])}\n" if "…" in short else ""
    return f"{above}Allow {short}? [y/N] "


def means_yes(typed: str) -> bool:
    return typed.strip().lower() in ("y", "yes")


def is_terminal() -> bool:
    """Whether somebody may be there to be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def put(question: str) -> None:
    """Ask, beside the answer and not in it. What was typed before is no answer, and is forgotten."""
    if sys.platform == "win32":
        import msvcrt

        while msvcrt.kbhit():
            msvcrt.getwch()
    else:
        import termios

        termios.tcflush(sys.stdin, termios.TCIFLUSH)
    click.echo(question, nl=False, err=True)


async def always(question: str) -> bool:
    """Allow whatever is asked."""
    return True


async def never(question: str) -> bool:
    """Deny whatever is asked, and say why."""
    _note(HOW_TO_ALLOW)
    return False


async def ask_once(question: str) -> bool:
    """Ask on the terminal; for a command that ends when its turn does.

    In a thread of its own that reads past Python's buffers: one that waits there when the command ends would keep it
    from ending.
    """
    loop = asyncio.get_running_loop()
    typed: asyncio.Future[bytes] = loop.create_future()

    def settle(line: bytes) -> None:
        if not typed.done():
            typed.set_result(line)

    def read() -> None:
        line = os.read(sys.stdin.fileno(), 1024)
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, line)

    put(question)
    threading.Thread(target=read, name="typed", daemon=True).start()
    return means_yes((await typed).decode(errors="replace"))


async def _answer(client: httpx.AsyncClient, turn: str, call: str, *, approved: bool) -> None:
    body = {"call": call, "approved": approved}
    response = await client.post(f"/api/turns/{turn}/approvals", json=body)
    if response.status_code == HTTPStatus.CONFLICT:
        _note("· it was answered elsewhere, or too late")
    else:
        raise_for_problem(response)


def _note(text: str) -> None:
    click.secho(text, dim=True, err=True)
