"""The chat page: conversations, their turns, and answers as they come."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any

from litestar import Controller, Request, Response, delete, get, patch, post
from litestar.params import FromPath, FromQuery, HeaderParameter, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Struct

from mdsa_server.chat.turn_stream import TurnStream
from mdsa_server.errors import StoreUnusable
from mdsa_server.vocabulary.conversation import Conversation, ConversationSummary
from mdsa_server.vocabulary.turn import Turn
from mdsa_server.web.auth import ByCaller, Caller
from mdsa_server.web.bodies import BodyReader
from mdsa_server.web.collections import known_collections
from mdsa_server.web.origins import page_shown
from mdsa_server.web.pages.answer_stream import answer_frames
from mdsa_server.web.pages.answer_view import AnswerView, GrowingAnswer, finished_answer
from mdsa_server.web.pages.excerpt import occurrences
from mdsa_server.web.pages.surroundings import surroundings
from mdsa_server.web.rooms import InRooms, Rooms
from mdsa_server.web.streams import EventStream, last_event_id
from mdsa_server.web.texts import SearchText, Title, title_of
from mdsa_server.web.turns import begin

CONVERSATIONS_SHOWN = 30
TURNS_SHOWN = 50
CHANGED = {"HX-Trigger": "conversations-changed"}
"""Has the list of conversations ask for itself again, with the search it shows."""

AnyRequest = Request[Any, Any, Any]


class TurnForm(Struct, frozen=True, kw_only=True):
    """The composer: an empty conversation begins one, an empty domain leaves the choice to the routers."""

    message: str
    conversation: str = ""
    domain: str = ""
    instead_of: str = ""
    """A turn in whose place this one is to stand."""
    after: str = ""
    """The last turn that the reader saw, which this one goes on from."""


class ChosenForm(Struct, frozen=True, kw_only=True):
    domain: str


class ApprovalForm(Struct, frozen=True, kw_only=True):
    call: str
    approved: bool


class TitleForm(Struct, frozen=True, kw_only=True):
    title: Title


class ChatPages(Controller):
    """The chat page and the fragments that it asks for."""

    path = "/chat"
    opt = {"scope": "chat"}  # noqa: RUF012  # Litestar reads it so
    request_class = BodyReader
    include_in_schema = False

    @get(["/", "/{conversation:str}"])
    async def page(
        self,
        rooms: InRooms,
        caller: ByCaller,
        conversation: FromPath[str | None] = None,
        turn: FromQuery[str | None] = None,
        before: FromQuery[str | None] = None,
        text: SearchText = "",
    ) -> Template:
        """Show the last turns of a conversation's current branch, or of the one through a `turn`, or an empty page.

        `before` shows the last before one of them; `text` narrows the list of conversations.
        """
        shown = None
        if conversation:
            shown = await rooms.live_turns.unsaved.read(
                caller.owner, conversation, through=turn, before=before, limit=TURNS_SHOWN
            )
        attaches = "documents" in caller.scopes
        known: Mapping[str, Sequence[str]] = {}
        # A message can be sent, and answered, where nothing that was said before can be read.
        with suppress(StoreUnusable):
            known = await known_collections(rooms) if attaches else {}
        context = {
            "conversation": shown,
            "domains": list(rooms.live_turns.desk.team.only(caller.among).domains.values()),
            "attaches": attaches,
            "ingestions": [one for one in rooms.ingestions.all() if not one.ended] if attaches else [],
            "asked": False,
            "known": known,
            "collection": _collection_at_hand(shown.turns if shown else (), known),
            "most_bytes": rooms.most_upload_bytes,
        }
        context |= await _turns(rooms, caller, shown)
        listed = await _listed(rooms, caller, query=text, current=conversation)
        return Template("pages/chat.html", context=surroundings(rooms, "chat") | context | listed)

    @get("/conversations")
    async def conversations(
        self,
        rooms: InRooms,
        caller: ByCaller,
        text: SearchText = "",
        before: FromQuery[str | None] = None,
        conversation: FromQuery[str | None] = None,
    ) -> Template:
        """List conversations; `conversation` is the one the reader is in."""
        listed = await _listed(rooms, caller, query=text, before=before, current=conversation)
        return Template("fragments/conversations.html", context=listed)

    @post("/turns", status_code=200)
    async def start_turn(
        self, data: URLEncodedBody[TurnForm], rooms: InRooms, caller: ByCaller, request: AnyRequest
    ) -> Template | Redirect:
        """Begin a turn, and show the message with an answer to come; a plain form is sent to the page instead."""
        begun = await begin(
            rooms,
            caller,
            data.message.replace("\r\n", "\n"),
            conversation=data.conversation or None,
            domain=data.domain or None,
            instead_of=data.instead_of or None,
            after=data.after or None,
        )
        turn = begun.turn
        address = f"/chat/{turn.conversation}"
        if not request.headers.get("hx-request"):
            return Redirect(address, status_code=303)
        limit = TURNS_SHOWN if data.instead_of else 1
        shown = await rooms.live_turns.unsaved.read(caller.owner, turn.conversation, through=turn.id, limit=limit)
        context = {"conversation": shown, "new": not data.conversation} | await _turns(rooms, caller, shown)
        # The branch that the address may name is not the current one any more.
        moved = {} if request.headers.get("hx-current-url", "").endswith(address) else {"HX-Replace-Url": address}
        return Template(
            "fragments/turns_anew.html" if data.instead_of else "fragments/turn_begun.html",
            context=context,
            headers=CHANGED | (moved if data.conversation else {"HX-Push-Url": address}),
        )

    @get("/turns/{turn:str}/stream", media_type="text/event-stream")
    async def stream(
        self,
        turn: FromPath[str],
        rooms: InRooms,
        caller: ByCaller,
        request: AnyRequest,
        last_id: Annotated[str | None, HeaderParameter(name="Last-Event-ID")] = None,
    ) -> EventStream:
        """Follow an answer, as HTML."""
        followed = await rooms.live_turns.find(caller.owner, turn)
        return EventStream(answer_frames(request, followed, last_event_id(last_id)))

    @post("/turns/{turn:str}/domain", status_code=200)
    async def choose_domain(
        self,
        turn: FromPath[str],
        data: URLEncodedBody[ChosenForm],
        rooms: InRooms,
        caller: ByCaller,
        request: AnyRequest,
    ) -> Response[None] | Redirect:
        """Say which domain is meant; the turn's stream shows how it goes on, a plain form is sent to the page."""
        stream = await rooms.live_turns.find(caller.owner, turn)
        await rooms.live_turns.choose_domain(caller.owner, turn, data.domain)
        return _goes_on(request, stream)

    @post("/turns/{turn:str}/approvals", status_code=200)
    async def approve(
        self,
        turn: FromPath[str],
        data: URLEncodedBody[ApprovalForm],
        rooms: InRooms,
        caller: ByCaller,
        request: AnyRequest,
    ) -> Response[None] | Redirect:
        """Allow a call of a tool, or deny it; the turn's stream shows how it goes on, as with a domain."""
        stream = await rooms.live_turns.find(caller.owner, turn)
        await rooms.live_turns.approve(caller.owner, turn, data.call, approved=data.approved, by=caller.owner)
        return _goes_on(request, stream)

    @post("/turns/{turn:str}/cancel", status_code=204)
    async def cancel(self, turn: FromPath[str], rooms: InRooms, caller: ByCaller) -> None:
        """Stop a turn; its stream shows the end."""
        await rooms.live_turns.cancel(caller.owner, turn)

    @patch("/conversations/{conversation:str}")
    async def rename(
        self,
        conversation: FromPath[str],
        data: URLEncodedBody[TitleForm],
        rooms: InRooms,
        caller: ByCaller,
        request: AnyRequest,
    ) -> Template:
        """Give a conversation another title."""
        await rooms.conversations.rename(caller.owner, conversation, title_of(data.title))
        context = {"title": data.title, "inside": _is_inside(request, conversation)}
        return Template("fragments/renamed.html", context=context, headers=CHANGED)

    @delete("/conversations/{conversation:str}", status_code=200)
    async def delete(
        self, conversation: FromPath[str], rooms: InRooms, caller: ByCaller, request: AnyRequest
    ) -> Response[None]:
        """Delete a conversation for good; the reader who is in it is led out."""
        await rooms.live_turns.delete_conversation(caller.owner, conversation)
        leave = {"HX-Redirect": "/chat"}
        return Response(None, headers=leave if _is_inside(request, conversation) else CHANGED)


def answer_so_far(stream: TurnStream) -> AnswerView:
    """Show a turn as far as it has come."""
    if stream.ended:
        return finished_answer(stream.so_far())
    growing = GrowingAnswer(stream.turn, stream.clock)
    growing.tell(stream.events)
    return growing.view()


def _goes_on(request: AnyRequest, stream: TurnStream) -> Response[None] | Redirect:
    """Answer what was said to a turn: its stream shows the rest, and who has none is sent to the page."""
    if request.headers.get("hx-request"):
        return Response(None, status_code=204)
    return Redirect(f"/chat/{stream.turn.conversation}", status_code=303)


def _is_inside(request: AnyRequest, conversation: str) -> bool:
    """Say whether the page that asks shows this conversation."""
    return page_shown(request.headers) == f"/chat/{conversation}"


async def _turns(rooms: Rooms, caller: Caller, shown: Conversation | None) -> dict[str, Any]:
    """Give what `fragments/turns.html` needs of a conversation besides itself."""
    turns = shown.turns if shown else ()
    return {
        "answers": [await _answer(rooms, caller, turn) for turn in turns],
        "beside": shown.beside if shown else {},
    }


def _collection_at_hand(turns: Sequence[Turn], known: Mapping[str, Sequence[str]]) -> str:
    """Give the collection that files are likeliest for: one that the last domain answers from; else none."""
    domain = turns[-1].domain if turns else None
    return next((name for name, readers in known.items() if domain in readers), "")


async def _answer(rooms: Rooms, caller: Caller, turn: Turn) -> AnswerView:
    if turn.outcome != "running":
        # In a thread: many long answers together would keep the loop from everyone else.
        return await asyncio.to_thread(finished_answer, turn)
    return answer_so_far(await rooms.live_turns.find(caller.owner, turn.id))


async def _listed(
    rooms: Rooms, caller: Caller, *, query: str = "", before: str | None = None, current: str | None
) -> dict[str, Any]:
    found: list[ConversationSummary] = []
    with suppress(StoreUnusable):
        found = await rooms.conversations.find(caller.owner, query=query, limit=CONVERSATIONS_SHOWN, before=before)
    return {
        "conversations": found,
        "titles": {one.id: occurrences(one.title, query.strip()) for one in found},
        "current": current,
        "query": query,
        "before": before,
        "more": found[-1].id if len(found) == CONVERSATIONS_SHOWN else None,
    }
