"""A client of the server: of the one that runs on the data folder, or of one started for as long as it is needed."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import httpx

    from mdsa_server.configuration import Loaded

FAILED = 1
INTERRUPTED = 130


class Refused(click.ClickException):
    """The server answered with a problem; it is printed as it came."""

    exit_code = FAILED

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(problem.get("title", "The server refused"))
        self.problem = problem

    def show(self, file: Any = None) -> None:
        print_problem(self.problem)


def print_problem(problem: dict[str, Any]) -> None:
    """Print what went wrong and how to mend it, to standard error."""
    click.secho(problem.get("title", "Something went wrong"), fg="red", bold=True, err=True)
    if detail := problem.get("detail"):
        click.echo(f"  {detail}", err=True)
    for fault in problem.get("faults", ()):
        place = f"{fault['file']}:{fault['line']}" if fault.get("line") else fault["file"]
        click.echo(f"  {place}: {fault['key']}: {fault['what']} {fault['mend']}", err=True)
    if mend := problem.get("mend"):
        click.secho(f"  {mend}", fg="cyan", err=True)


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a command to its end; Ctrl-C ends it quietly, and an error of ours is printed as a problem."""
    from mdsa_server.errors import MdsaError

    try:
        asyncio.run(work)
    except KeyboardInterrupt:
        click.echo(err=True)
        sys.exit(INTERRUPTED)
    except MdsaError as error:
        raise Refused({"title": error.title, "detail": error.detail, "mend": error.mend}) from error


@asynccontextmanager
async def connect(loaded: Loaded) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of the server on the configured data folder, which is started here where none answers."""
    from mdsa_server.store.data_folder import server_of

    address = server_of(loaded.settings.data_folder)
    if address is not None:
        async with client_of(address.url) as client:
            if await _answers(client):
                yield client
                return
    if sys.stderr.isatty():
        click.secho("No server runs on this data folder: starting one for this command ...", dim=True, err=True)
    async with _private_server(loaded) as url, client_of(url) as client:
        yield client


def client_of(url: str) -> httpx.AsyncClient:
    """Make a client without a limit on how long an answer may take: a model may take long."""
    import httpx

    # Loopback: the environment's web proxies are not for it.
    return httpx.AsyncClient(base_url=url, timeout=httpx.Timeout(None, connect=5.0), trust_env=False)


async def ask_for(client: httpx.AsyncClient, method: str, path: str, **options: Any) -> Any:
    """Send a request and give the JSON of its answer. Raises Refused with the server's problem."""
    response = await client.request(method, path, **options)
    raise_for_problem(response)
    return response.json() if response.content else None


def raise_for_problem(response: httpx.Response) -> None:
    """Raise Refused where the answer is a problem; the body must have been read."""
    if response.is_success:
        return
    try:
        problem = response.json()
    except ValueError:
        problem = {"title": f"The server answered {response.status_code}", "detail": response.text[:500]}
    raise Refused(problem)


async def events_of(response: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    """Read a stream of events as (name, data) pairs; every event of ours has one line of JSON."""
    if not response.is_success:
        await response.aread()
        raise_for_problem(response)
    name = ""
    async for line in response.aiter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


async def _answers(client: httpx.AsyncClient) -> bool:
    """Say whether a server is there: one that was killed leaves its address behind."""
    import httpx

    with suppress(httpx.TransportError):
        return (await client.get("/health/live", timeout=5.0)).is_success
    return False


@asynccontextmanager
async def _private_server(loaded: Loaded) -> AsyncIterator[str]:
    """Serve on a free loopback port while the block runs; only what goes wrong is logged."""
    from mdsa_server.cli.listening import Listener
    from mdsa_server.logs import configure_logging

    configure_logging("error", loaded.settings.logging.format)
    listener = Listener(loaded, "127.0.0.1", 0, heed_signals=False)
    serving = asyncio.create_task(listener.serve())
    try:
        await listener.started(serving)
        yield listener.url
    finally:
        listener.stop()
        await serving
