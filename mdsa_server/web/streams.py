"""A turn's events as Server-Sent Events (WHATWG HTML, section 9.2)."""

from collections.abc import AsyncIterator, Callable, Sequence

import msgspec
from litestar.response import Stream

from mdsa_server.chat.live_turns import LiveTurn
from mdsa_server.store.turn_log import TurnLog
from mdsa_server.vocabulary.events import TurnEvent
from mdsa_server.vocabulary.replay import Positioned, events_after

# Proxies and browsers give up on streams that say nothing; a comment is enough to keep one open.
HEARTBEAT_SECONDS = 15.0
HEARTBEAT = b": still here\n\n"

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

_encoder = msgspec.json.Encoder()

Batches = AsyncIterator[Sequence[Positioned]]


async def batches_of(
    live: LiveTurn | None, turn_log: TurnLog, owner: str, turn: str, after: int
) -> AsyncIterator[Sequence[Positioned]]:
    """Give a turn's events after a position: as they come while it runs, from the store when it has ended.

    An empty batch is a heartbeat. Raises UnknownTurn.
    """
    if live is None:
        yield events_after(await turn_log.events(owner, turn), after)
        return
    async for batch in live.follow(after, idle=HEARTBEAT_SECONDS):
        yield batch


def event_frame(position: int, event: TurnEvent) -> bytes:
    """Write one event as a frame; its id is the position to go on from (`Last-Event-ID`)."""
    name = event.__struct_config__.tag
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (position, str(name).encode(), _encoder.encode(event))


def event_frames(batch: Sequence[Positioned]) -> bytes:
    """Write a batch as one piece, so that what came together is sent together."""
    return b"".join(event_frame(position, event) for position, event in batch) or HEARTBEAT


def sse_response(
    batches: Batches,
    render: Callable[[Sequence[Positioned]], bytes] = event_frames,
    headers: dict[str, str] | None = None,
) -> Stream:
    """Answer with a stream of events, rendered batch by batch."""

    async def frames() -> AsyncIterator[bytes]:
        async for batch in batches:
            yield render(batch)

    return Stream(frames(), media_type="text/event-stream", headers=HEADERS | (headers or {}))


def last_event_id(value: str | None) -> int:
    """Read `Last-Event-ID`; what is not one of ours means: from the beginning."""
    return int(value) if value and value.isascii() and value.isdigit() else 0
