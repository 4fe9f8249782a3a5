"""A listening server: the socket, uvicorn, and the application on it."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Literal

import structlog
import uvicorn
from litestar import Litestar

from mdsa_server.app import create_app
from mdsa_server.cli.bounded_connection import BoundedConnection
from mdsa_server.cli.problems import Refused
from mdsa_server.configuration import Loaded
from mdsa_server.vocabulary.loopback import is_loopback
from mdsa_server.web.rooms import Rooms

log = structlog.get_logger(__name__)

BACKLOG = 2048
# Turns have had their time when connections are closed; this is for their last bytes.
CLOSING_SECONDS = 3
# So often a second uvicorn has its `on_tick` called; a loop that is held up is called more seldom, at no client's cost.
TICKS_A_SECOND = 10


def serving(app: Litestar, lifespan: Literal["on", "off"] = "off") -> uvicorn.Config:
    """Say how uvicorn serves an application; `lifespan`, whether it enters the application's too."""
    return uvicorn.Config(
        app,
        http=BoundedConnection,
        # No route speaks it, and such a connection would be without bounds.
        ws="none",
        log_config=None,
        access_log=False,
        # No proxy's headers are believed, so none need be read.
        proxy_headers=False,
        lifespan=lifespan,
        timeout_graceful_shutdown=CLOSING_SECONDS,
    )


class Listener:
    """Listens from the moment it is made. Raises Refused where it cannot.

    `heed_signals`: whether SIGINT and SIGTERM end it; otherwise only `stop` does.
    """

    def __init__(self, loaded: Loaded, host: str, port: int, *, heed_signals: bool) -> None:
        self._socket = _listen(host, port)
        # Who listens everywhere is reached on loopback too.
        reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # compared, not bound to
        name = f"[{reached}]" if ":" in reached else reached
        self.url = f"http://{name}:{self._socket.getsockname()[1]}"
        self._app = create_app(loaded, url=self.url, exposed=not is_loopback(host))
        self._server = _Server(serving(self._app), heed_signals, self._drain)
        self._patience = loaded.settings.server.shutdown_seconds

    @property
    def rooms(self) -> Rooms:
        """The opened rooms, once it serves."""
        rooms: Rooms = self._app.state.rooms
        return rooms

    async def serve(self) -> None:
        """Open the rooms, serve until told to stop, close them. Raises MdsaError where they do not open."""
        # The application's lifespan is entered here and not by uvicorn, which would bury why it fails in its log.
        try:
            async with self._app.lifespan():
                await self._server.serve(sockets=[self._socket])
        except ExceptionGroup as group:
            # Litestar's lifespan has a task group in it, which wraps whatever passes through.
            raise _only(group) from group
        finally:
            self._socket.close()

    async def started(self, serving: asyncio.Task[None]) -> None:
        """Wait until requests are answered. Raises MdsaError where the rooms do not open."""
        while not self._server.started:
            if serving.done():
                await serving
                return
            await asyncio.sleep(0.01)

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._server.server_state.connections)

    @property
    def unsent(self) -> int:
        """How many bytes wait for clients to take them."""
        connections = self._server.server_state.connections
        return sum(one.transport.get_write_buffer_size() for one in connections)

    async def left_alone(self, seconds: float) -> None:
        """Wait until nobody is connected any more, for so long at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.connections:  # noqa: ASYNC110  # uvicorn tells nobody that one has ended
                    await asyncio.sleep(0.02)

    def stop(self) -> None:
        """Have `serve` return, once running turns have ended or had their time."""
        self._server.should_exit = True

    async def _drain(self) -> None:
        if turns := len(self.rooms.live_turns):
            log.info("stopping; running turns may still end", turns=turns, seconds=self._patience)
        await self.rooms.live_turns.close(self._patience)
        self.rooms.feeds.close()


class _Server(uvicorn.Server):
    """Uvicorn, but it bounds connections, running turns end before theirs, and signals are not raised again."""

    def __init__(self, config: uvicorn.Config, heed_signals: bool, drain: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._heed_signals = heed_signals
        self._drain = drain

    async def on_tick(self, counter: int) -> bool:
        if counter % TICKS_A_SECOND == 0:
            for connection in list(self.server_state.connections):
                if isinstance(connection, BoundedConnection):
                    connection.look(1.0)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._drain()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Uvicorn's own raises what it captured again when it has stopped, which would end the process
        # before the rooms are closed.
        heeded = (signal.SIGINT, signal.SIGTERM) if self._heed_signals else ()
        before = {number: signal.signal(number, self.handle_exit) for number in heeded}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _only(error: Exception) -> Exception:
    """Take the one error out of a group, and of the groups in it."""
    return _only(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error


def fastest_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Give what makes the fastest event loop of this platform: uvloop's, where that runs."""
    return uvicorn.Config("", loop="auto", log_config=None).get_loop_factory()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, or asyncio's own loop leaves Nagle's algorithm on, and each answer waits 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":
        # Elsewhere this option lets two servers share a port.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise Refused(
                "The port is in use",
                detail=f"Something listens on port {port} of {host} already.",
                mend="Stop it, or take another port: mdsa serve --port 0 takes any free one.",
            ) from error
        raise Refused(
            "The address cannot be listened on",
            detail=f"{host}, port {port}: {error.strerror}.",
            mend="Choose others with --host and --port, or in [server] of mdsa.toml.",
        ) from error
    listening.setblocking(False)
    return listening
