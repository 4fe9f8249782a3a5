"""Ingestions under /api: begun by what takes documents in, told event by event, and followed again."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Annotated, Any, cast

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath, HeaderParameter
from msgspec import Struct

from mdsa_server.errors import DocumentUnreadable, EmbedderUnavailable, UnknownIngestion
from mdsa_server.knowledge.ingestions import RunningIngestion
from mdsa_server.vocabulary.ingestion import AnyIngestionEvent, DocumentRefused, IngestionFailed, IngestionFinished
from mdsa_server.web.api.operations import EVENTS, fails, streams
from mdsa_server.web.problems import ToldProblem, status_of
from mdsa_server.web.rooms import InRooms
from mdsa_server.web.streams import EventStream, last_event_id

# What cannot begin, because its path leads nowhere, shows so at once.
BEGIN_SECONDS = 1.0


class Ingested(Struct, frozen=True, kw_only=True):
    """What came of taking documents in."""

    finished: IngestionFinished
    refused: list[DocumentRefused]


class KnownIngestion(Struct, frozen=True, kw_only=True):
    """An ingestion that is under way, or ended not long ago."""

    id: str
    collection: str
    ended: bool
    documents: int
    """How many are done."""
    bytes: int
    """How many are done."""
    of_documents: int
    """How many there are, once its turn has come."""
    of_bytes: int


class IngestionList(Struct, frozen=True, kw_only=True):
    ingestions: list[KnownIngestion]


class IngestionController(Controller):
    """Ingestions as they go on."""

    path = "/api/ingestions"
    tags = ("documents",)
    opt = {"scope": "documents"}  # noqa: RUF012  # Litestar reads it so

    @get("/", operation_id="ListIngestions", responses=fails())
    async def ingestions(self, rooms: InRooms) -> IngestionList:
        """List the ingestions that are under way and the last that ended, the newest first."""
        return IngestionList(ingestions=[_known(ingestion) for ingestion in rooms.ingestions.all()])

    @get(
        "/{ingestion:str}/events",
        operation_id="IngestionEvents",
        media_type=EVENTS,
        responses=fails(UnknownIngestion, DocumentUnreadable, EmbedderUnavailable)
        | streams("Its events from the first, or from `Last-Event-ID`, to the end"),
    )
    async def events(
        self,
        ingestion: FromPath[str],
        rooms: InRooms,
        last_id: Annotated[str | None, HeaderParameter(name="Last-Event-ID")] = None,
    ) -> EventStream:
        """Follow an ingestion: from its beginning, or on from where a reader was cut off."""
        return _events(rooms.ingestions.find(ingestion), last_event_id(last_id))

    @post("/{ingestion:str}/cancel", operation_id="CancelIngestion", status_code=204, responses=fails(UnknownIngestion))
    async def cancel(self, ingestion: FromPath[str], rooms: InRooms) -> None:
        """End an ingestion before its end; what was taken in until then stays, each document whole."""
        await rooms.ingestions.cancel(ingestion)


async def answered(request: Request[Any, Any, Any], ingestion: RunningIngestion) -> Response[Ingested]:
    """Answer with the events of an ingestion, or with what came of it. A client that leaves does not end it."""
    as_events = EVENTS in request.headers.get("accept", "")
    # Its turn may be long in coming: whoever follows it waits within the stream.
    with suppress(TimeoutError):
        async with asyncio.timeout(BEGIN_SECONDS if as_events else None):
            first = await ingestion.first()
            if isinstance(first, IngestionFailed):
                # Before anything was taken in: with a status of its own.
                raise ToldProblem(first.problem, status_of(first.problem))
    if as_events:
        return _events(ingestion, 0)
    told = [event async for batch in ingestion.follow() for _, event in batch]
    last = told[-1]
    if isinstance(last, IngestionFailed):
        raise ToldProblem(last.problem, status_of(last.problem))
    assert isinstance(last, IngestionFinished)  # noqa: S101  # the end of every ingestion that has not failed
    return Response(Ingested(finished=last, refused=[event for event in told if isinstance(event, DocumentRefused)]))


def _events(ingestion: RunningIngestion, after: int) -> EventStream:
    return EventStream(_frames(ingestion, after), headers={"Location": f"/api/ingestions/{ingestion.id}/events"})


async def _frames(ingestion: RunningIngestion, after: int) -> AsyncGenerator[bytes, None]:
    async for batch in ingestion.follow(after):
        yield b"".join(_frame(position, event) for position, event in batch)


def _frame(position: int, event: AnyIngestionEvent) -> bytes:
    name = cast("str", event.__struct_config__.tag)
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (position, name.encode(), msgspec.json.encode(event))


def _known(ingestion: RunningIngestion) -> KnownIngestion:
    progress = ingestion.progress
    return KnownIngestion(
        id=ingestion.id,
        collection=progress.collection,
        ended=ingestion.ended,
        documents=progress.documents,
        bytes=progress.bytes,
        of_documents=progress.started.documents if progress.started else 0,
        of_bytes=progress.started.bytes if progress.started else 0,
    )
