"""Server-Sent Events as they come from the server (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from mdsa_server.cli.connection import raise_for_problem

if TYPE_CHECKING:
    import httpx


async def events_of(response: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    """Read a stream as (name, data) pairs; each event of ours has one line of JSON.

    Raises Refused where the answer is a problem instead.
    """
    if not response.is_success:
        await response.aread()
        raise_for_problem(response)
    name = b""
    async for line in _lines(response.aiter_bytes()):
        field, _, value = line.partition(b": ")
        if field == b"event":
            name = value
        elif field == b"data":
            yield name.decode(), json.loads(value)


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    # Not httpx's own lines: those also end at U+2028 and its like, which JSON may hold as they are.
    begun = b""
    async for piece in pieces:
        *whole, begun = (begun + piece).split(b"\n")
        for line in whole:
            yield line
