"""An ingestion as a stream of HTML: each frame is the whole of how far it is, so that any frame can be the first."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import anyio
from litestar import Request

from mdsa_server.knowledge.ingestions import RunningIngestion
from mdsa_server.web.pages.answer_stream import event_data
from mdsa_server.web.rendering import render

FRAME_SECONDS = 0.2
"""What comes between is shown together."""
TICK_SECONDS = 1.0
"""Where nothing comes, the time goes on."""

LIST_CHANGED = b"event: documents-changed\ndata:\n\n"
ENDED = b"event: ingestion-ended\ndata:\n\n"

AnyRequest = Request[Any, Any, Any]


async def ingestion_frames(
    request: AnyRequest, ingestion: RunningIngestion, known: Mapping[str, Sequence[str]]
) -> AsyncGenerator[bytes, None]:
    """Show an ingestion until it has ended; `known` tells which domains answer from which collection."""

    def frame() -> bytes:
        return event_data(render(request, "fragments/ingestion_frame.html", ingestion=ingestion, known=known))

    while not ingestion.ended:
        yield frame()
        await anyio.sleep(FRAME_SECONDS)
        if not ingestion.ended:
            await ingestion.more(TICK_SECONDS - FRAME_SECONDS)
    # The list is told first: the last frame takes away what listens to this stream.
    yield LIST_CHANGED + frame() + ENDED


async def forgotten_frames(request: AnyRequest, ingestion: str) -> AsyncGenerator[bytes, None]:
    """Say that an ingestion is known no more."""
    yield LIST_CHANGED + event_data(render(request, "fragments/ingestion_forgotten.html", ingestion=ingestion)) + ENDED
