"""Answers of an MCP server over HTTP, held to the size that a message may have; what is packed is not taken at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

import httpx2

# Either ends an event; each end is also the beginning of the next.
ENDS = (b"\n\n", b"\n\r\n", b"\r\r")


class BoundedAnswers:
    """A hook for a client's responses."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self.flaw = ""
        """Why an answer was not read to its end, where that is the server's own doing."""

    async def __call__(self, response: httpx2.Response) -> None:
        """Bound what will be read of an answer. Raises httpx2.ReadError where it is packed."""
        if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            # It was not asked for, and a few bytes of it can be as many as one likes.
            raise self._refused(response, "it sent a message that is packed")
        is_events = response.headers.get("content-type", "").lower().startswith("text/event-stream")
        response.stream = _Counted(cast(httpx2.AsyncByteStream, response.stream), self, response, is_events=is_events)

    def count(self, came: int, response: httpx2.Response) -> None:
        """Raise httpx2.ReadError where more bytes came than one message may have."""
        if came > self._largest:
            raise self._refused(response, f"it sent a message of more than {self._largest:,} bytes")

    def _refused(self, response: httpx2.Response, flaw: str) -> httpx2.ReadError:
        self.flaw = flaw
        return httpx2.ReadError(flaw, request=response.request)


class _Counted(httpx2.AsyncByteStream):
    def __init__(
        self, stream: httpx2.AsyncByteStream, bound: BoundedAnswers, response: httpx2.Response, *, is_events: bool
    ) -> None:
        self._stream, self._bound, self._response = stream, bound, response
        self._is_events = is_events

    async def __aiter__(self) -> AsyncIterator[bytes]:
        came, tail = 0, b""
        async for part in self._stream:
            came += len(part)
            if self._is_events:
                # A stream of events may go on for days: what counts is each of them.
                seen = tail + part
                ended = max(place + len(end) if (place := seen.rfind(end)) >= 0 else 0 for end in ENDS)
                came = len(seen) - ended if ended else came
                tail = seen[-2:]
            self._bound.count(came, self._response)
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()
