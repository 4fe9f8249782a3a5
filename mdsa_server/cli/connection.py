"""A client of the server: of the one that runs on the data folder, or of one started for as long as it is needed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from mdsa_server.cli.problems import Refused

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from mdsa_server.configuration import Loaded
    from mdsa_server.store.data_folder import ServerAddress

# How long a command waits for another one that is just starting, or ending, the server of its folder.
FOLDER_PATIENCE_SECONDS = 15.0


@asynccontextmanager
async def connect(loaded: Loaded) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of the server on the configured data folder, which is started here where none answers.

    Raises Refused where the server goes away in the meantime.
    """
    import httpx

    async with AsyncExitStack() as stack:
        client = await _running_or_private(loaded, stack)
        try:
            yield client
        except httpx.TransportError as error:
            raise Refused(
                "The server stopped answering",
                detail=f"{client.base_url} ({error or type(error).__name__})",
                mend="Look at its log, then try again.",
            ) from error


@asynccontextmanager
async def connect_to_running(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of the server that runs on `folder`. Raises Refused where none does."""
    async with AsyncExitStack() as stack:
        client = await _running(folder, stack)
        if client is None:
            raise Refused("No server is running", detail=f"None answers for {folder}.", mend="mdsa serve starts one.")
        yield client


async def ask_for(client: httpx.AsyncClient, method: str, path: str, **options: Any) -> Any:
    """Send a request and give the JSON of its answer. Raises Refused with the server's problem."""
    response = await client.request(method, path, **options)
    raise_for_problem(response)
    return response.json() if response.content else None


def raise_for_problem(response: httpx.Response) -> None:
    """Raise Refused where the answer is a problem; the body must have been read."""
    if response.is_success:
        return
    if response.headers.get("content-type", "").startswith("application/problem+json"):
        raise Refused.by_server(response.json())
    raise Refused(f"The server answered {response.status_code}", detail=response.text[:500])


async def _running_or_private(loaded: Loaded, stack: AsyncExitStack) -> httpx.AsyncClient:
    from mdsa_server.errors import DataFolderInUse
    from mdsa_server.store.data_folder import hold_data_folder

    folder = loaded.settings.data_folder
    deadline = time.monotonic() + FOLDER_PATIENCE_SECONDS
    while True:
        if client := await _running(folder, stack):
            return client
        try:
            with hold_data_folder(folder, url=None):
                pass  # It is free: to build a server first, only to be told that it is not, is dear.
            await stack.enter_async_context(_private_server(loaded))
        except DataFolderInUse:
            # A server that does not answer yet, or no more: another command's, most often.
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)
        else:
            if client := await _running(folder, stack):
                return client
            raise Refused("The server stopped answering", mend="Look at its log, then try again.")


async def _running(folder: Path, stack: AsyncExitStack) -> httpx.AsyncClient | None:
    """Give a client of the folder's server if one answers: a server that was killed leaves its address behind."""
    import httpx

    from mdsa_server.store.data_folder import server_of

    address = server_of(folder)
    if address is None:
        return None
    async with AsyncExitStack() as attempt:
        client = await attempt.enter_async_context(_client_of(address))
        with suppress(httpx.TransportError):
            if (await client.get("/health/live", timeout=5.0)).is_success:
                stack.push_async_exit(attempt.pop_all())
                return client
    return None


def _client_of(address: ServerAddress) -> httpx.AsyncClient:
    """Make a client without a limit on how long an answer may take: a model may take long."""
    import httpx

    return httpx.AsyncClient(
        base_url=address.url,
        headers={"Authorization": f"Bearer {address.secret}"},
        timeout=httpx.Timeout(None, connect=5.0),
        # Loopback: the environment's web proxies are not for it.
        trust_env=False,
    )


@asynccontextmanager
async def _private_server(loaded: Loaded) -> AsyncIterator[None]:
    """Serve on a free loopback port while the block runs; only what goes wrong is logged."""
    from mdsa_server.cli.listening import Listener
    from mdsa_server.logs import configure_logging
    from mdsa_server.store.data_folder import leave_no_word

    configure_logging("error", loaded.settings.logging.format)
    listener = Listener(loaded, "127.0.0.1", 0, heed_signals=False)
    serving = asyncio.create_task(listener.serve())
    try:
        await listener.started(serving)
        try:
            yield
        finally:
            # Another command may have found this server meanwhile, and is let finish.
            leave_no_word(loaded.settings.data_folder)
            await listener.left_alone(FOLDER_PATIENCE_SECONDS)
    finally:
        listener.stop()
        # Where it did not start, `started` has raised why.
        await asyncio.gather(serving, return_exceptions=True)
