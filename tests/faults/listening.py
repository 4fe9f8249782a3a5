"""The listener that `mdsa serve` opens, in the test's own loop, and clients that speak to it byte by byte."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psutil

from mdsa_server.cli.listening import Listener
from mdsa_server.settings import Settings
from tests.serving import loaded

PATIENCE_SECONDS = 20.0


@dataclass
class Peer:
    """A client's end of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def rest(self) -> bytes:
        """Read until the server ends the connection, by whichever means."""
        said = b""
        async with asyncio.timeout(PATIENCE_SECONDS):
            try:
                while block := await self.reader.read(65536):
                    said += block
            except ConnectionError:
                return said
        return said

    async def head(self) -> bytes:
        """Read the head of an answer."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.reader.readuntil(b"\r\n\r\n")


@dataclass
class Open:
    """A listener that serves."""

    listener: Listener
    port: int

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Peer]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Peer(reader, writer)
        finally:
            writer.transport.abort()


@asynccontextmanager
async def listening(settings: Settings) -> AsyncIterator[Open]:
    listener = Listener(loaded(settings, lambda: settings), "127.0.0.1", 0, heed_signals=False)
    serving = asyncio.create_task(listener.serve())
    await listener.started(serving)
    try:
        yield Open(listener, int(listener.url.rsplit(":", 1)[1]))
    finally:
        listener.stop()
        await serving


async def until(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds: neither a socket nor a connection tells anybody that it has ended."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110  # see above
            await asyncio.sleep(0.01)


@dataclass(frozen=True)
class Held:
    """What this process holds, of which nothing may be left behind."""

    tasks: int
    files: int

    @classmethod
    def now(cls) -> "Held":
        return cls(len(asyncio.all_tasks()), psutil.Process().num_fds())

    async def no_more(self) -> None:
        """Wait until no more is held than this."""
        await until(lambda: (now := Held.now()).tasks <= self.tasks and now.files <= self.files)
