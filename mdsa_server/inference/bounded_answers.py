"""The engine's answers but for its chats, held to a size: httpx would read one without end until memory is full."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

import httpx

# Thousands of vectors, or days of a download's progress.
LARGEST_ANSWER = 64 * 1024 * 1024


async def bound(response: httpx.Response) -> None:
    """Have reading an answer raise ValueError once it is too large; a hook for a client's responses."""
    response.stream = _Counted(cast(httpx.AsyncByteStream, response.stream))


class _Counted(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        came = 0
        async for part in self._stream:
            came += len(part)
            if came > LARGEST_ANSWER:
                raise ValueError(f"an answer of more than {LARGEST_ANSWER:,} bytes")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()
