"""The engine's answers but for its chats, held to a size: httpx would read one without end until memory is full."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

import httpx

# Thousands of vectors, the largest that any of them is.
LARGEST_ANSWER = 64 * 1024 * 1024
# The one that is read line by line, each of which is let go again: a download may go on for days.
IN_LINES = "/api/pull"


async def bound(response: httpx.Response) -> None:
    """Have reading an answer raise ValueError once it, or one line of a download's, is too large.

    A hook for a client's responses.
    """
    in_lines = response.request.url.path.endswith(IN_LINES)
    response.stream = _Counted(cast(httpx.AsyncByteStream, response.stream), in_lines=in_lines)


class _Counted(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, *, in_lines: bool) -> None:
        self._stream = stream
        self._in_lines = in_lines

    async def __aiter__(self) -> AsyncIterator[bytes]:
        came = 0
        async for part in self._stream:
            came += len(part)
            if came > LARGEST_ANSWER:
                raise ValueError(f"an answer of more than {LARGEST_ANSWER:,} bytes")
            if self._in_lines and (line_ended := part.rfind(b"\n")) >= 0:
                came = len(part) - line_ended - 1
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()
