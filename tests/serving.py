"""A real server on a loopback port, in the test's own loop."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from litestar import Litestar

from mdsa_server.app import create_app
from mdsa_server.cli.listening import serving
from mdsa_server.configuration import Loaded, Reading
from mdsa_server.configuration.checks import ANYWHERE
from mdsa_server.settings import Settings

DOMAINS: dict[str, Any] = {
    "general": {"description": "Everything else"},
    "code": {"description": "Questions about programs", "keywords": ["python", "function"]},
}


def make_settings(folder: Path, *, engine: str, **tables: dict[str, Any]) -> Settings:
    """Settings of a small server: keyword routing, an engine at a known address, data in `folder`."""
    return Settings.model_validate(
        {
            "store": {"path": str(folder / "data")},
            "engine": {"url": engine, "connect_timeout": 10.0, "stall_timeout": 5.0},
            "routing": {"routers": ["keyword_router"]},
            "server": {"shutdown_seconds": 0.5},
            "domains": DOMAINS,
        }
        | tables
    )


Reread = Callable[[], Settings | Reading]
"""What a reload finds: settings without a fault, or all that was read."""


@dataclass
class RunningServer:
    """A server that answers at `url`, and a client for it."""

    url: str
    client: httpx.AsyncClient
    app: Litestar


@asynccontextmanager
async def running(settings: Settings, *, reread: Reread | None = None) -> AsyncIterator[RunningServer]:
    """Serve `settings` until the block ends; `reread` gives what a reload finds."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = create_app(loaded(settings, reread or (lambda: settings)), url=url)
    server = uvicorn.Server(serving(app, lifespan="on"))
    # What `serve` does, but for its loop and its pause at the end: each test would wait a tenth of a second for them.
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup(sockets=[listener])
    if not server.started:
        raise RuntimeError("the server did not start")
    try:
        # Certificates take long to read, and loopback shows none.
        async with httpx.AsyncClient(base_url=url, timeout=30, verify=False) as client:  # see above
            yield RunningServer(url, client, app)
    finally:
        # Those of `client` have just ended, which is seen a moment later. Where others are open they are given time.
        await asyncio.sleep(0.002)
        if server.server_state.connections:
            await server.shutdown(sockets=[listener])
        else:
            for listening in server.servers:
                listening.close()
            await server.lifespan.shutdown()
        listener.close()


def loaded(settings: Settings, reread: Reread) -> Loaded:
    """Settings that come from nowhere, and what is found when they are read again."""

    def again() -> Reading:
        found = reread()
        return found if isinstance(found, Reading) else Reading(loaded(found, reread))

    return Loaded(settings, None, ANYWHERE, again)
