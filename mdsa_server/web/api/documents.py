"""Documents and search under /api."""

from collections.abc import Coroutine
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
    UnknownCollection,
    UnknownDocument,
)
from mdsa_server.knowledge.file_names import whole
from mdsa_server.knowledge.ingest import Tell
from mdsa_server.store.document_rows import StoredPassage
from mdsa_server.store.documents import PAGE
from mdsa_server.vocabulary.documents import Collection, Document, Embedding, PassageFilter
from mdsa_server.vocabulary.passages import Passage
from mdsa_server.web.api.ingestions import Ingested, answered
from mdsa_server.web.api.operations import EVENTS, TOO_LARGE, also, fails, like
from mdsa_server.web.auth import ByCaller, require_admin
from mdsa_server.web.bodies import BodyReader
from mdsa_server.web.collections import require_collections
from mdsa_server.web.rooms import InRooms
from mdsa_server.web.texts import collection_of, moment_of, searchable, tags_among

OF_DOCUMENT = fails(UnknownDocument, StoreUnusable)
OF_COLLECTION = fails(UnknownCollection, StoreUnusable)
TAKING = (DocumentUnreadable, EmbedderUnavailable, StoreUnusable, TooManyIngestions, TOO_LARGE)
TAKING_IN = fails(*TAKING)

MOST_PASSAGES = 100

Most = Annotated[int, msgspec.Meta(ge=1, le=MOST_PASSAGES)]


class DocumentList(Struct, frozen=True, kw_only=True):
    documents: list[Document]


class CollectionList(Struct, frozen=True, kw_only=True):
    collections: list[Collection]
    embedding: Embedding | None
    """Null where all passages are found by their meaning as well."""


class DeletedCollection(Struct, frozen=True, kw_only=True):
    documents: int
    """How many were deleted."""


class WholeDocument(Struct, frozen=True, kw_only=True):
    """A document with its passages; put together, they are its text."""

    document: Document
    passages: list[StoredPassage]


class NewDocuments(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Files, folders and patterns on the server's machine, and the collection to take them into."""

    paths: list[str]
    """Whole ones."""
    collection: str
    tags: list[str] | None = None
    """Left out, each document keeps those it has; an empty list takes them away."""


class SyncedFolder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A folder on the server's machine that a collection is to follow."""

    folder: str
    collection: str
    tags: list[str] | None = None
    """As with new documents."""


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
    since: str | None = None
    """A date or a time, in UTC where it names no zone: the document was last written then or later."""
    until: str | None = None
    """The document was last written before."""
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
        library = rooms.library
        return CollectionList(collections=await library.documents.collections(), embedding=library.embedding)

    @delete(
        "/collections/{name:path}",
        operation_id="DeleteCollection",
        status_code=200,
        responses=OF_COLLECTION,
    )
    async def delete_collection(self, name: FromPath[str], rooms: InRooms) -> DeletedCollection:
        """Delete a collection with all its documents; the files they came from stay.

        What is being taken into it is cancelled.
        """
        # A name may hold slashes; the one before it is the path's.
        name = name.removeprefix("/")
        await require_collections(rooms, [name])
        await rooms.ingestions.cancel_into(name)
        return DeletedCollection(documents=await rooms.library.documents.delete_collection(name))

    @get("/documents", operation_id="ListDocuments", responses=OF_COLLECTION)
    async def documents(
        self,
        rooms: InRooms,
        collection: FromQuery[str | None] = None,
        after: FromQuery[str] = "",
        limit: Annotated[int, QueryParameter(ge=1, le=1000)] = PAGE,
    ) -> DocumentList:
        """List documents by source; `after` is the id of the last one of the page before."""
        await require_collections(rooms, [collection] if collection is not None else ())
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
    async def add_documents(
        self, data: NewBody, rooms: InRooms, caller: ByCaller, request: Request[Any, Any, Any]
    ) -> Response[Ingested]:
        """Take in files of this machine, which needs the scope `admin`: whatever the server may read is read.

        With `Accept: text/event-stream` its events come, as it goes.
        """
        require_admin(caller, "taking in files of the server's machine")
        collection = collection_of(data.collection)
        if not data.paths:
            raise InvalidRequest("there are no paths", "Name files, folders or patterns.")
        tags = tags_among(data.tags)

        def work(tell: Tell) -> Coroutine[Any, Any, None]:
            return rooms.library.add(data.paths, collection, tags, tell)

        return await answered(request, rooms.ingestions.start(collection, work))

    @post(
        "/documents/sync",
        operation_id="SyncFolder",
        status_code=200,
        operation_class=also(EVENTS),
        responses=TAKING_IN,
    )
    async def sync_folder(
        self, data: SyncBody, rooms: InRooms, caller: ByCaller, request: Request[Any, Any, Any]
    ) -> Response[Ingested]:
        """Take in what is new or changed in a folder, and delete what was taken in from it and is gone.

        It needs the scope `admin`, as taking in files of this machine does.
        """
        require_admin(caller, "taking in folders of the server's machine")
        collection = collection_of(data.collection)
        folder, tags = Path(whole(data.folder)), tags_among(data.tags)

        def work(tell: Tell) -> Coroutine[Any, Any, None]:
            return rooms.library.sync(folder, collection, tags, tell)

        return await answered(request, rooms.ingestions.start(collection, work))

    @post(
        "/documents/reindex",
        operation_id="ReindexDocuments",
        status_code=200,
        operation_class=also(EVENTS),
        responses=fails(UnknownCollection, *TAKING),
    )
    async def reindex(self, data: ReindexBody, rooms: InRooms, request: Request[Any, Any, Any]) -> Response[Ingested]:
        """Read the files of a collection anew, whether they have changed or not."""
        collection = collection_of(data.collection)
        await require_collections(rooms, [collection])

        def work(tell: Tell) -> Coroutine[Any, Any, None]:
            return rooms.library.reindex(collection, tell)

        return await answered(request, rooms.ingestions.start(collection, work))

    @post(
        "/search",
        operation_id="Search",
        # A search changes nothing: it is sent so because its words have no place in an address.
        opt={"recorded": False},
        status_code=200,
        responses=fails(UnknownCollection, EmbedderUnavailable, StoreUnusable, TOO_LARGE),
    )
    async def search(self, data: SearchBody, rooms: InRooms) -> SearchAnswer:
        """Find passages by words and by meaning, the best first, each with its scores by stage."""
        message = searchable(data.message)
        await require_collections(rooms, data.collections or ())
        wanted = PassageFilter(
            collections=None if data.collections is None else tuple(data.collections),
            source=data.source,
            types=tuple(data.types),
            tags=tags_among(data.tags) or (),
            since=moment_of("since", data.since),
            until=moment_of("until", data.until),
        )
        vector = SharedVector(text=message, embed=rooms.live_turns.desk.embed)
        return SearchAnswer(passages=await rooms.library.search(message, vector, wanted, data.most))
