"""A running answer as a stream of HTML: each frame is the whole article so far, so that any frame can be the first."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import anyio
from litestar import Request

from mdsa_server.chat.turn_stream import TurnStream
from mdsa_server.vocabulary.replay import Positioned
from mdsa_server.vocabulary.turn import Turn
from mdsa_server.web.markdown import LINE_END
from mdsa_server.web.pages.answer_view import AnswerView, GrowingAnswer, finished_answer
from mdsa_server.web.rendering import render

FRAME_SECONDS = 0.08
"""A reader sees no more than some twelve changes a second; what comes between is sent together."""

REST_PER_WORK = 8
"""How long to rest for each second of rendering, so that long answers leave the loop to others."""

WAITING_SECONDS = 10.0
"""While a call waits to be allowed, how often the time that is left is told anew."""

AnyRequest = Request[Any, Any, Any]


async def answer_frames(request: AnyRequest, stream: TurnStream, after: int) -> AsyncGenerator[bytes, None]:
    """Show a turn until it has ended, from the position `after` on."""
    growing = GrowingAnswer(stream.turn, stream.clock)
    announced = ""
    position = 0
    async with aclosing(_with_pauses(stream.follow())) as batches:
        async for batch in batches:
            if batch:
                growing.tell(event for _, event in batch)
                position = batch[-1][0]
            elif not growing.waits:
                continue
            if stream.ended or (position <= after and batch):
                continue
            began = time.monotonic()
            view = growing.view()
            announcement = view.announcement if view.announcement != announced else None
            yield _frame(request, view, announcement, position)
            announced = view.announcement
            await anyio.sleep(max(FRAME_SECONDS, REST_PER_WORK * (time.monotonic() - began)))
    yield _last_frame(request, stream.so_far())


async def _with_pauses(batches: AsyncIterator[list[Positioned]]) -> AsyncGenerator[list[Positioned], None]:
    """Give batches as they come, and an empty one whenever none has come for a while."""
    coming: asyncio.Future[list[Positioned] | None] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(batches, None))
            if not (await asyncio.wait([coming], timeout=WAITING_SECONDS))[0]:
                yield []
                continue
            batch, coming = coming.result(), None
            if batch is None:
                return
            yield batch
    finally:
        if coming:
            coming.cancel()


def _frame(request: AnyRequest, view: AnswerView, announcement: str | None, position: int) -> bytes:
    html = render(request, "fragments/answer_frame.html", answer=view, announcement=announcement)
    return b"id: %d\n" % position + event_data(html)


def _last_frame(request: AnyRequest, turn: Turn) -> bytes:
    html = render(request, "fragments/answer_frame.html", answer=finished_answer(turn), announcement="")
    return event_data(html) + b"event: turn-ended\ndata:\n\n"


def event_data(text: str) -> bytes:
    """Write a text as the data of one event (WHATWG HTML, section 9.2.6): a field for each line."""
    lines = (line.rstrip("\r\n") for line in LINE_END.split(text))
    return "".join(f"data: {line}\n" for line in lines).encode() + b"\n"
