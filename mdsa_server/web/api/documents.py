"""Documents and search under /api."""

from collections.abc import Coroutine
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, delete, get, post
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Struct

from mdsa_server.chat.desk import SharedVector
from mdsa_server.errors import (
    DocumentUnreadable,
    EmbedderUnavailable,
    InvalidRequest,
    StoreUnusable,
    TooManyIngestions,
    UnknownDocument,
)
from mdsa_server.knowledge.ingest import Tell
from mdsa_server.store.document_rows import StoredPassage
from mdsa_server.store.documents import PAGE
from mdsa_server.vocabulary.documents import Collection, Document, PassageFilter
from mdsa_server.vocabulary.passages import Passage
from mdsa_server.web.api.ingestions import Ingested, answered
from mdsa_server.web.api.operations import EVENTS, TOO_LARGE, also, fails, like
from mdsa_server.web.bodies import BodyReader
from mdsa_server.web.rooms import InRooms
from mdsa_server.web.texts import collection_of

OF_DOCUMENT = fails(UnknownDocument, StoreUnusable)
TAKING_IN = fails(DocumentUnreadable, EmbedderUnavailable, StoreUnusable, TooManyIngestions, TOO_LARGE)

MOST_PASSAGES = 100

Most = Annotated[int, msgspec.Meta(ge=1, le=MOST_PASSAGES)]


class DocumentList(Struct, frozen=True, kw_only=True):
    documents: list[Document]


class CollectionList(Struct, frozen=True, kw_only=True):
    collections: list[Collection]


class WholeDocument(Struct, frozen=True, kw_only=True):
    """A document with its passages; put together, they are its text."""

    document: Document
    passages: list[StoredPassage]


class NewDocuments(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Files, folders and patterns on the server's machine, and the collection to take them into."""

    paths: list[str]
    collection: str
    tags: list[str] = []


class SyncedFolder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A folder on the server's machine that a collection is to follow."""

    folder: str
    collection: str
    tags: list[str] = []


class NamedCollection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    collection: str


class SearchRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message to find passages for, and which passages may be found; all may, where nothing is said."""

    message: str
    collections: list[str] | None = None
    source: str | None = None
    """A pattern: `*/manual/*.md`."""
    types: list[str] = []
    tags: list[str] = []
    since: datetime | None = None
    until: datetime | None = None
    most: Most = 8


class SearchAnswer(Struct, frozen=True, kw_only=True):
    passages: list[Passage]


SearchBody = Annotated[SearchRequest, like(message="How do I reset the pump?")]
NewBody = Annotated[NewDocuments, like(paths=["/home/me/manuals"], collection="manuals")]
ReindexBody = Annotated[NamedCollection, like(collection="manuals")]
SyncBody = Annotated[SyncedFolder, like(folder="/home/me/manuals", collection="manuals")]


class DocumentController(Controller):
    """Documents in, passages out."""

    path = "/api"
    tags = ("documents",)
    opt = {"scope": "documents"}  # noqa: RUF012  # Litestar reads it so
    request_class = BodyReader

    @get("/collections", operation_id="ListCollections", responses=fails(StoreUnusable))
    async def collections(self, rooms: InRooms) -> CollectionList:
        """List the collections that hold documents."""
        return CollectionList(collections=await rooms.library.documents.collections())

    @get("/documents", operation_id="ListDocuments", responses=fails(StoreUnusable))
    async def documents(
        self,
        rooms: InRooms,
        collection: FromQuery[str | None] = None,
        after: FromQuery[str] = "",
        limit: Annotated[int, QueryParameter(ge=1, le=1000)] = PAGE,
    ) -> DocumentList:
        """List documents by source; `after` is the id of the last one of the page before."""
        return DocumentList(documents=await rooms.library.documents.find(collection, after=after, most=limit))

    @get("/documents/{document:str}", operation_id="ReadDocument", responses=OF_DOCUMENT)
    async def read_document(self, document: FromPath[str], rooms: InRooms) -> WholeDocument:
        """Read a document as it was taken in, passage by passage."""
        found, passages = await rooms.library.documents.read(document)
        return WholeDocument(document=found, passages=passages)

    @delete("/documents/{document:str}", operation_id="DeleteDocument", responses=OF_DOCUMENT)
    async def delete_document(self, document: FromPath[str], rooms: InRooms) -> None:
        """Delete a document and its passages; the file it came from stays."""
        await rooms.library.documents.delete(document)

    @post("/documents", operation_id="AddDocuments", status_code=200, operation_class=also(EVENTS), responses=TAKING_IN)
    async def add_documents(self, data: NewBody, rooms: InRooms, request: Request[Any, Any, Any]) -> Response[Ingested]:
        """Take in files of this machine. With `Accept: text/event-stream` its events come, as it goes."""
        collection = collection_of(data.collection)
        if not data.paths:
            raise InvalidRequest("there are no paths", "Name files, folders or patterns.")

        def work(tell: Tell) -> Coroutine[Any, Any, None]:
            return rooms.library.add(data.paths, collection, tuple(data.tags), tell)

        return await answered(request, rooms.ingestions.start(collection, work))

    @post(
        "/documents/sync",
        operation_id="SyncFolder",
        status_code=200,
        operation_class=also(EVENTS),
        responses=TAKING_IN,
    )
    async def sync_folder(self, data: SyncBody, rooms: InRooms, request: Request[Any, Any, Any]) -> Response[Ingested]:
        """Take in what is new or changed in a folder, and delete what was taken in from it and is gone."""
        collection = collection_of(data.collection)
        folder = Path(data.folder)
        if not folder.is_absolute():
            raise InvalidRequest(f"the folder {data.folder!r} is not absolute", "Give its whole path.")

        def work(tell: Tell) -> Coroutine[Any, Any, None]:
            return rooms.library.sync(folder, collection, tuple(data.tags), tell)

        return await answered(request, rooms.ingestions.start(collection, work))

    @post(
        "/documents/reindex",
        operation_id="ReindexDocuments",
        status_code=200,
        operation_class=also(EVENTS),
        responses=TAKING_IN,
    )
    async def reindex(self, data: ReindexBody, rooms: InRooms, request: Request[Any, Any, Any]) -> Response[Ingested]:
        """Read the files of a collection anew, whether they have changed or not."""
        collection = collection_of(data.collection)

        def work(tell: Tell) -> Coroutine[Any, Any, None]:
            return rooms.library.reindex(collection, tell)

        return await answered(request, rooms.ingestions.start(collection, work))

    @post(
        "/search",
        operation_id="Search",
        status_code=200,
        responses=fails(EmbedderUnavailable, StoreUnusable, TOO_LARGE),
    )
    async def search(self, data: SearchBody, rooms: InRooms) -> SearchAnswer:
        """Find passages by words and by meaning, the best first, each with its scores by stage."""
        wanted = PassageFilter(
            collections=None if data.collections is None else tuple(data.collections),
            source=data.source,
            types=tuple(data.types),
            tags=tuple(data.tags),
            since=data.since,
            until=data.until,
        )
        vector = SharedVector(text=data.message, embed=rooms.live_turns.desk.embed)
        return SearchAnswer(passages=await rooms.library.search(data.message, vector, wanted, data.most))
