"""A turn's events as Server-Sent Events (WHATWG HTML, section 9.2)."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, aclosing
from functools import partial
from typing import Any

import msgspec
from litestar import Litestar, Request, Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from mdsa_server.vocabulary.events import TurnEvent
from mdsa_server.vocabulary.replay import Positioned
from mdsa_server.web.auth import provide_caller

# Proxies and browsers give up on streams that say nothing; a comment is enough to keep one open.
HEARTBEAT_SECONDS = 15.0
HEARTBEAT = b": still here\n\n"
# No position is longer, and Python refuses to read numbers of thousands of digits.
POSITION_DIGITS = 18

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

_encoder = msgspec.json.Encoder()


def event_frame(position: int, event: TurnEvent) -> bytes:
    """Write one event as a frame; its id is the position to go on from (`Last-Event-ID`)."""
    name = event.__struct_config__.tag
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (position, str(name).encode(), _encoder.encode(event))


def event_frames(batch: Sequence[Positioned]) -> bytes:
    """Write a batch as one piece, so that what came together is sent together."""
    return b"".join(event_frame(position, event) for position, event in batch)


async def frames_of(batches: AsyncIterator[Sequence[Positioned]]) -> AsyncGenerator[bytes, None]:
    """Write batches as frames."""
    async for batch in batches:
        yield event_frames(batch)


class EventStream(Response[Any]):
    """Answers with a stream of events, each piece of `frames` sent as it comes."""

    def __init__(self, frames: AsyncGenerator[bytes, None], headers: dict[str, str] | None = None) -> None:
        super().__init__(None, status_code=200, media_type="text/event-stream", headers=HEADERS | (headers or {}))
        self.frames = frames

    def to_asgi_response(
        self,
        app: Litestar | None,
        request: Request[Any, Any, Any],
        *_: Any,
        headers: dict[str, str] | None = None,
        **__: Any,
    ) -> ASGIResponse:
        doorkeeper = request.app.state.rooms.doorkeeper
        allowed = partial(doorkeeper.still_opens, request.headers, request.cookies)
        counted = doorkeeper.following(provide_caller(request.scope), request.method)
        return _Frames(self.frames, allowed, counted, headers=(headers or {}) | self.headers)


class _Frames(ASGIResponse):
    """Litestar's own streams keep a task group each to hear of a client that leaves; much of a short turn's cost."""

    _should_set_content_length = False

    def __init__(
        self,
        frames: AsyncGenerator[bytes, None],
        allowed: Callable[[], bool],
        counted: AbstractContextManager[None],
        headers: dict[str, str],
    ) -> None:
        super().__init__(headers=headers, media_type="text/event-stream")
        self.frames = frames
        self.allowed = allowed
        self.counted = counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer while it is counted. Raises TooManyRequests before anything was sent."""
        with self.counted:
            await super().__call__(scope, receive, send)

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Send until the frames end, the client leaves, or it is let in no more.

        That is asked before each frame, and now and then while none comes.
        """
        sending = asyncio.timeout(None)
        attending = asyncio.create_task(self._attend(receive, send, sending), name="attend a stream")
        try:
            async with sending, aclosing(self.frames) as frames:
                async for frame in frames:
                    if not self.allowed():
                        break
                    await send({"type": "http.response.body", "body": frame, "more_body": True})
                # Before it could end what has ended.
                attending.cancel()
        except TimeoutError:
            if not sending.expired():
                raise
        finally:
            attending.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _attend(self, receive: Receive, send: Send, sending: asyncio.Timeout) -> None:
        """Send a comment now and then, whatever else is sent; end the sending once the client is not there or let in.

        Ended so, and not when the next frame comes: none may come for long.
        """
        there = True
        while there:
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    there = (await receive())["type"] != "http.disconnect"
            except TimeoutError:
                if there := self.allowed():
                    await send({"type": "http.response.body", "body": HEARTBEAT, "more_body": True})
        sending.reschedule(0)


def last_event_id(value: str | None) -> int:
    """Read `Last-Event-ID`; what is not one of ours means: from the beginning."""
    return int(value) if value and len(value) <= POSITION_DIGITS and value.isascii() and value.isdigit() else 0
