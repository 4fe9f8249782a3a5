"""The pages of documents: which there are, taking more in, searching them, and reading one as it was taken in."""

import asyncio
import os
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Annotated, Any

from litestar import Controller, MediaType, Request, Response, get, post
from litestar.params import FromPath, FromQuery, HeaderParameter
from litestar.response import Redirect, Template

from mdsa_server.chat.desk import SharedVector
from mdsa_server.errors import InvalidRequest, MdsaError, UnknownDocument, UnknownIngestion
from mdsa_server.knowledge.ingest import Tell
from mdsa_server.knowledge.ingestions import RunningIngestion
from mdsa_server.store.passages import FoundPassage
from mdsa_server.vocabulary.documents import PassageFilter
from mdsa_server.vocabulary.ingestion import IngestionFailed
from mdsa_server.web.api.ingestions import BEGIN_SECONDS
from mdsa_server.web.api.uploads import received, take_in
from mdsa_server.web.auth import ByCaller, require_admin
from mdsa_server.web.collections import known_collections
from mdsa_server.web.pages.cited_passage import cited_passage
from mdsa_server.web.pages.excerpt import Hit, hit
from mdsa_server.web.pages.ingestion_stream import forgotten_frames, ingestion_frames
from mdsa_server.web.pages.passage_view import passages_shown
from mdsa_server.web.pages.surroundings import surroundings
from mdsa_server.web.problems import ToldProblem, status_of
from mdsa_server.web.rendering import render
from mdsa_server.web.rooms import InRooms, Rooms
from mdsa_server.web.streams import EventStream
from mdsa_server.web.texts import SearchText, collection_of, tags_of

DOCUMENTS_SHOWN = 50
HITS_SHOWN = 8
# So many ingestions stand above the documents; earlier ones that have ended are folded away.
RECENT = 2
NEIGHBOURS = 1
# Joined passages have no more parts to either side of the best; an address may name any.
JOINED = 100

AnyRequest = Request[Any, Any, Any]


class DocumentPages(Controller):
    """The pages of documents, and the fragments that they ask for."""

    path = "/documents"
    opt = {"scope": "documents"}  # noqa: RUF012  # Litestar reads it so
    include_in_schema = False

    @get("/")
    async def page(
        self,
        rooms: InRooms,
        request: AnyRequest,
        text: SearchText = "",
        collection: FromQuery[str] = "",
        after: FromQuery[str] = "",
        source: FromQuery[str] = "",
    ) -> Template:
        """Show documents, those of one collection or of all; `source` and `after`, an id, say which was the last."""
        found = await rooms.library.documents.find(collection or None, after=(source, after), most=DOCUMENTS_SHOWN + 1)
        ingestions = rooms.ingestions.all()
        context = {
            "collections": await rooms.library.documents.collections(),
            "collection": collection,
            "documents": found[:DOCUMENTS_SHOWN],
            "more": found[DOCUMENTS_SHOWN - 1] if len(found) > DOCUMENTS_SHOWN else None,
            "ingestions": [one for place, one in enumerate(ingestions) if place < RECENT or not one.ended],
            "earlier": [one for one in ingestions[RECENT:] if one.ended],
            "asked": False,
            "embedding": rooms.library.embedding,
            "query": text,
            "hits": await _hits(rooms, text, collection),
            "known": await known_collections(rooms),
            "most_bytes": rooms.most_upload_bytes,
        }
        return Template("pages/documents.html", context=surroundings(rooms, "documents") | context)

    @post("/", operation_id="AddDocuments", status_code=200)
    async def take_in(self, rooms: InRooms, caller: ByCaller, request: AnyRequest) -> Template | Redirect:
        """Take in what is sent, and what is named on this machine; a plain form is sent back to the page."""
        upload = await received(rooms, request)
        path = upload.fields.get("path", "").strip()
        if path:
            try:
                require_admin(caller, "taking in files of the server’s machine")
            except MdsaError:
                upload.close()
                raise
        begun = [take_in(rooms, upload)] if upload.files else []
        if not begun:
            upload.close()
        collection = collection_of(upload.fields.get("collection", ""))
        tags = tags_of(upload.fields.get("tags", "")) or None
        if not begun and not path:
            raise InvalidRequest(
                "no file is chosen, and no path is named",
                "Choose files, or name a file, folder or pattern on the server’s machine.",
            )
        if path:

            def work(tell: Tell) -> Coroutine[Any, Any, None]:
                return rooms.library.add([path], collection, tags, tell)

            begun.append(rooms.ingestions.start(collection, work))
        if len(begun) == 1:
            await _raise_if_it_cannot_begin(rooms, begun[0])
        if not request.headers.get("hx-request"):
            return Redirect("/documents", status_code=303)
        context = {"ingestions": begun, "asked": True, "known": await known_collections(rooms)}
        return Template("fragments/ingestions_begun.html", context=context)

    @get("/search")
    async def search(self, rooms: InRooms, text: SearchText = "", collection: FromQuery[str] = "") -> Template:
        """Show what a search finds, the best first."""
        context = {"query": text, "hits": await _hits(rooms, text, collection)}
        return Template("fragments/hits.html", context=context)

    @get("/ingestions/{ingestion:str}")
    async def ingestion(self, ingestion: FromPath[str], rooms: InRooms) -> Template:
        """Show how far an ingestion is, and follow it once it goes on."""
        try:
            context: dict[str, Any] = {
                "ingestion": rooms.ingestions.find(ingestion),
                "asked": True,
                "known": await known_collections(rooms),
            }
        except UnknownIngestion:
            return Template("fragments/ingestion_forgotten.html", context={"ingestion": ingestion})
        return Template("fragments/ingestion_followed.html", context=context)

    @get("/ingestions/{ingestion:str}/stream", media_type="text/event-stream")
    async def stream(
        self,
        ingestion: FromPath[str],
        rooms: InRooms,
        request: AnyRequest,
        last_id: Annotated[str | None, HeaderParameter(name="Last-Event-ID")] = None,
    ) -> EventStream:
        """Follow an ingestion, as HTML."""
        try:
            found = rooms.ingestions.find(ingestion)
        except UnknownIngestion:
            # A page that was open while the server began anew would ask again and again.
            return EventStream(forgotten_frames(request, ingestion))
        return EventStream(ingestion_frames(request, found, await known_collections(rooms)))

    @post("/ingestions/{ingestion:str}/cancel", operation_id="CancelIngestion", status_code=200)
    async def cancel(self, ingestion: FromPath[str], rooms: InRooms, request: AnyRequest) -> Template | Redirect:
        """End an ingestion before its end, and show what had come of it."""
        if not request.headers.get("hx-request"):
            with suppress(UnknownIngestion):
                await rooms.ingestions.cancel(ingestion)
            return Redirect("/documents", status_code=303)
        try:
            await rooms.ingestions.cancel(ingestion)
        except UnknownIngestion:
            return Template("fragments/ingestion_forgotten.html", context={"ingestion": ingestion})
        context = {
            "ingestion": rooms.ingestions.find(ingestion),
            "asked": True,
            "known": await known_collections(rooms),
        }
        return Template("fragments/ingestion_followed.html", context=context)

    @post("/ingestions/{ingestion:str}/dismiss", operation_id="DismissIngestion", status_code=200)
    async def dismiss(self, ingestion: FromPath[str], rooms: InRooms, request: AnyRequest) -> Response[None] | Redirect:
        """Show no more of an ingestion that has ended."""
        with suppress(UnknownIngestion):
            rooms.ingestions.forget(ingestion)
        return Response(None) if request.headers.get("hx-request") else Redirect("/documents", status_code=303)

    @get("/{document:str}", media_type=MediaType.HTML)
    async def document(self, document: FromPath[str], rooms: InRooms, request: AnyRequest) -> Response[str]:
        """Show a document as it was taken in."""
        found, passages = await rooms.library.documents.read(document)
        context = surroundings(rooms, "documents") | {
            "document": found,
            "sent": not os.path.isabs(found.source),
        }

        def shown() -> str:
            passages_of_page = passages_shown(passages, found.title, found.type)
            return render(request, "pages/document.html", passages=passages_of_page, **context)

        # In a thread: a long one would keep the loop from everyone else.
        return Response(await asyncio.to_thread(shown))

    @get("/{document:str}/passages/{place:int}")
    async def passage(
        self,
        document: FromPath[str],
        place: FromPath[int],
        rooms: InRooms,
        caller: ByCaller,
        first: FromQuery[int | None] = None,
        last: FromQuery[int | None] = None,
        turn: FromQuery[str] = "",
        number: FromQuery[int] = 0,
    ) -> Template:
        """Show a passage between its neighbours; of joined ones `place` is the best, from `first` to `last`.

        Where the document is gone it is shown as a `turn` was given it, by its number in the answer.
        """
        passages = rooms.library.passages
        first = place if first is None else min(max(first, place - JOINED), place)
        last = place if last is None else max(min(last, place + JOINED), place)
        try:
            around = await passages.at(document, place)
            found = await passages.around(around, place - first + NEIGHBOURS, last - place + NEIGHBOURS)
            here = _here(found, place)
        except UnknownDocument:
            cited = await cited_passage(rooms, caller, turn, number)
            if cited is None:
                raise
            return Template("fragments/passage_cited.html", context={"cited": cited})
        context = {
            "here": here,
            "meant": range(first, last + 1),
            "passages": passages_shown([one.passage for one in found], here.title, here.type),
        }
        return Template("fragments/passage_near.html", context=context)

    @post("/{document:str}/delete", operation_id="DeleteDocument", status_code=200)
    async def delete(
        self, document: FromPath[str], rooms: InRooms, request: AnyRequest, collection: FromQuery[str] = ""
    ) -> Template | Response[None] | Redirect:
        """Delete a document; a reader who is in it is led out. `collection` is the one whose list is shown."""
        documents = rooms.library.documents
        await documents.delete(document)
        if not request.headers.get("hx-request"):
            return Redirect("/documents", status_code=303)
        if f"/documents/{document}" in request.headers.get("hx-current-url", ""):
            return Response(None, headers={"HX-Redirect": "/documents"})
        context = {
            "collections": await documents.collections(),
            "known": await known_collections(rooms),
            "collection": collection,
            "emptied": not await documents.find(collection or None, most=1),
            "documents": (),
            "more": None,
        }
        return Template("fragments/document_gone.html", context=context)


def _here(found: Sequence[FoundPassage], place: int) -> FoundPassage:
    """Give the passage at a place. Raises UnknownDocument where it went while it was looked for."""
    here = next((one for one in found if one.passage.place == place), None)
    if here is None:
        raise UnknownDocument(f"there is no passage {place} any more", "It may have been deleted.")
    return here


async def _hits(rooms: Rooms, text: str, collection: str) -> list[Hit]:
    if not any(map(str.isalnum, text)):
        return []
    wanted = PassageFilter(collections=(collection,) if collection else None)
    vector = SharedVector(text=text, embed=rooms.live_turns.desk.embed)
    found = await rooms.library.search(text, vector, wanted, HITS_SHOWN)
    return [hit(passage, text, found) for passage in found]


async def _raise_if_it_cannot_begin(rooms: Rooms, ingestion: RunningIngestion) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(BEGIN_SECONDS):
            first = await ingestion.first()
            if isinstance(first, IngestionFailed):
                rooms.ingestions.forget(ingestion.id)
                raise ToldProblem(first.problem, status_of(first.problem))
