"""A server of pages on a loopback port that answers as a test says, byte by byte, and keeps what it was asked."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]
"""All that is sent, or what writes it."""


@dataclass
class PageServer:
    """Listens at 127.0.0.1; `asked` has the heads of the requests."""

    port: int
    asked: list[str] = field(default_factory=list)


def answer(body: bytes = b"", kind: str = "text/html", /, *, status: int = 200, **headers: str) -> bytes:
    """Write an answer; a header `content_encoding` is `content-encoding`."""
    lines = [f"HTTP/1.1 {status} Told", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def redirect(location: str, **headers: str) -> bytes:
    return answer(status=302, location=location, **headers)


@asynccontextmanager
async def serving(pages: Mapping[str, Answer], tls: ssl.SSLContext | None = None) -> AsyncIterator[PageServer]:
    """Serve `pages` by their paths until the block ends; connections still open are cut then."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        # Whoever has enough of a page hangs up.
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            server.asked.append(head)
            page = pages[head.split(" ")[1]]
            if isinstance(page, bytes):
                writer.write(page)
                await writer.drain()
            else:
                await page(writer)
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    server = PageServer(listener.sockets[0].getsockname()[1])
    try:
        yield server
    finally:
        listener.close()
        for writer in writers:
            writer.transport.abort()
        await listener.wait_closed()
