"""An MCP server over HTTP that answers without end is read no further than a message may be long."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from tests.plugins.mcp_serving import down, part, serving

MEGABYTE = 1_000_000
JSON = b'{"jsonrpc": "2.0", "id": 1, "result": "'


class Endless:
    """Answers every request with 500 MB; keeps how many bytes it could send."""

    def __init__(self, kind: str, begin: bytes, encoding: str = "identity") -> None:
        self._head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Encoding: {encoding}\r\n\r\n".encode()
        self._begin = begin
        self._part = gzip.compress(bytes(MEGABYTE)) if encoding == "gzip" else b"x" * MEGABYTE
        self.most_sent = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent = 0
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(self._head + self._begin)
            for _ in range(500):
                writer.write(self._part)
                await writer.drain()
                sent += len(self._part)
                self.most_sent = max(self.most_sent, sent)
        except (OSError, asyncio.IncompleteReadError):
            return  # It is read no more.
        finally:
            writer.close()


async def test_an_answer_without_end_is_not_read_whole() -> None:
    endless = Endless("application/json", JSON)
    async with endless.listening() as url, serving(own={"url": url}) as registry:
        assert "it sent a message of more than 16,000,000 bytes" in await down(registry, "own", "bytes")
    assert 16 * MEGABYTE <= endless.most_sent < 40 * MEGABYTE


async def test_neither_is_an_event_without_end() -> None:
    endless = Endless("text/event-stream", b"event: message\ndata: ")
    async with endless.listening() as url, serving(own={"url": url}) as registry:
        await down(registry, "own", "SSE")
    assert endless.most_sent < 40 * MEGABYTE


async def test_what_is_packed_is_not_unpacked() -> None:
    endless = Endless("application/json", gzip.compress(JSON), "gzip")
    async with endless.listening() as url, serving(own={"url": url}) as registry:
        assert "it sent a message that is packed" in await down(registry, "own", "packed")


async def streamed(said: bytes, size: int) -> bytes:
    """Read a stream of events of which each may have 1,100 bytes, in parts of so many bytes."""

    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, len(said), size):
            yield said[start : start + size]

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"Content-Type": "text/event-stream"}, content=parts())

    hooks = {"response": [part("bounded_http").BoundedAnswers(1100)]}
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer), event_hooks=hooks) as client:
        read: bytes = (await client.get("http://own.test/")).content
        return read


@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\r\r"])
@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_a_stream_of_events_may_be_as_long_as_it_likes_where_each_of_them_is_short(end: str, size: int) -> None:
    said = f"data: {'x' * 80}{end}".encode() * 30
    assert await streamed(said, size) == said
    with pytest.raises(httpx2.ReadError, match="more than 1,100 bytes"):
        await streamed(said + b"data: x\n" * 300, size)
