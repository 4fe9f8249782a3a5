"""What the page of documents does with a whole collection: read its files anew, or delete it."""

from collections.abc import Coroutine
from typing import Any

from litestar import Controller, Request, Response, post
from litestar.params import URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Struct

from mdsa_server.knowledge.ingest import Tell
from mdsa_server.web.bodies import BodyReader
from mdsa_server.web.collections import known_collections, require_collections
from mdsa_server.web.rooms import InRooms

AnyRequest = Request[Any, Any, Any]


class CollectionForm(Struct, frozen=True, kw_only=True):
    collection: str


class CollectionPages(Controller):
    """The buttons beside a collection's name."""

    path = "/collections"
    opt = {"scope": "documents"}  # noqa: RUF012  # Litestar reads it so
    request_class = BodyReader
    include_in_schema = False

    @post("/reindex", operation_id="ReindexDocuments", status_code=200)
    async def reindex(
        self, data: URLEncodedBody[CollectionForm], rooms: InRooms, request: AnyRequest
    ) -> Template | Redirect:
        """Read a collection's files anew, whether they have changed or not, and show how far it is."""
        await require_collections(rooms, [data.collection])

        def work(tell: Tell) -> Coroutine[Any, Any, None]:
            return rooms.library.reindex(data.collection, tell)

        begun = rooms.ingestions.start(data.collection, work)
        if not request.headers.get("hx-request"):
            return Redirect("/documents", query_params={"collection": data.collection}, status_code=303)
        context = {"ingestions": [begun], "asked": True, "known": await known_collections(rooms)}
        return Template("fragments/ingestions_begun.html", context=context)

    @post("/delete", operation_id="DeleteCollection", status_code=200)
    async def delete(
        self, data: URLEncodedBody[CollectionForm], rooms: InRooms, request: AnyRequest
    ) -> Response[None] | Redirect:
        """Delete a collection with all its documents; what is being taken into it is cancelled."""
        await require_collections(rooms, [data.collection])
        await rooms.ingestions.cancel_into(data.collection)
        await rooms.library.documents.delete_collection(data.collection)
        if not request.headers.get("hx-request"):
            return Redirect("/documents", status_code=303)
        return Response(None, headers={"HX-Redirect": "/documents"})
