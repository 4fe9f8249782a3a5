"""Documents that are sent, under /api."""

from dataclasses import dataclass
from typing import Any

from litestar import Controller, Request, Response, post
from litestar.openapi.spec import OpenAPIMediaType, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType

from mdsa_server.errors import (
    EmbedderUnavailable,
    InvalidRequest,
    StoreUnusable,
    TooManyIngestions,
    UploadTooLarge,
)
from mdsa_server.knowledge.ingest import Tell
from mdsa_server.knowledge.ingestions import RunningIngestion
from mdsa_server.web.api.ingestions import Ingested, answered
from mdsa_server.web.api.operations import EVENTS, also, fails
from mdsa_server.web.rooms import InRooms, Rooms
from mdsa_server.web.texts import collection_of, tags_of
from mdsa_server.web.uploads import Upload, let_finish, read_upload

FORM = Schema(
    type=OpenAPIType.OBJECT,
    required=["files", "collection"],
    properties={
        "files": Schema(
            type=OpenAPIType.ARRAY, items=Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY), min_items=1
        ),
        "collection": Schema(type=OpenAPIType.STRING, description="The collection to take them into."),
        "tags": Schema(type=OpenAPIType.STRING, description="Tags, with commas between them."),
    },
    examples=[{"collection": "manuals"}],
)


@dataclass
class OfForm(also(EVENTS)):  # type: ignore[misc]  # a class made by a function
    """Describes the form, which is read as it comes and not by Litestar."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.request_body = RequestBody(content={"multipart/form-data": OpenAPIMediaType(schema=FORM)}, required=True)


class UploadController(Controller):
    """Files of the caller's machine."""

    path = "/api/documents/upload"
    tags = ("documents",)
    opt = {"scope": "documents"}  # noqa: RUF012  # Litestar reads it so

    @post(
        "/",
        operation_id="UploadDocuments",
        status_code=200,
        operation_class=OfForm,
        responses=fails(EmbedderUnavailable, StoreUnusable, TooManyIngestions, UploadTooLarge),
    )
    async def upload(self, rooms: InRooms, request: Request[Any, Any, Any]) -> Response[Ingested]:
        """Take in files that are sent. With `Accept: text/event-stream` its events come, as it goes."""
        return await answered(request, take_in(rooms, await received(rooms, request)))


async def received(rooms: Rooms, request: Request[Any, Any, Any]) -> Upload:
    """Read an upload if an ingestion can begin at all. Raises TooManyIngestions, and what `read_upload` raises."""
    try:
        rooms.ingestions.require_room()
    except TooManyIngestions:
        await let_finish(request)
        raise
    return await read_upload(request)


def take_in(rooms: Rooms, upload: Upload) -> RunningIngestion:
    """Begin to take in the files of an upload, and close it in the end. Raises InvalidRequest or TooManyIngestions."""

    async def work(tell: Tell) -> None:
        with upload:
            await rooms.library.add_sent(sources, collection, tags, tell)

    try:
        collection = collection_of(upload.fields.get("collection", ""))
        # An empty field says nothing of tags.
        tags = tags_of(upload.fields.get("tags", "")) or None
        if not upload.files:
            raise InvalidRequest("there are no files", "Choose one at least.")
        sources = list(upload.sources())
        return rooms.ingestions.start(collection, work)
    except BaseException:
        upload.close()
        raise
