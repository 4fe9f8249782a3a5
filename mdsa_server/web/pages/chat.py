"""The chat page: conversations, their turns, and answers as they come."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from litestar import Controller, Request, Response, delete, get, patch, post
from litestar.params import FromPath, FromQuery, HeaderParameter, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Struct

from mdsa_server.chat.turn_stream import TurnStream
from mdsa_server.errors import UnknownTurn
from mdsa_server.vocabulary.turn import Turn
from mdsa_server.web.auth import ByCaller, Caller
from mdsa_server.web.bodies import BodyReader
from mdsa_server.web.pages.answer_stream import answer_frames
from mdsa_server.web.pages.answer_view import AnswerView, GrowingAnswer, finished_answer
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
        before: FromQuery[str | None] = None,
    ) -> Template:
        """Show a conversation's last turns, or the last `before` one of them, or an empty page to begin one."""
        shown = await rooms.conversations.read(caller.owner, conversation) if conversation else None
        turns = _turns_before(before, shown.turns) if shown else ()
        context = {
            "conversation": shown,
            "answers": [await _answer(rooms, caller, turn) for turn in turns[-TURNS_SHOWN:]],
            "earlier": len(turns[:-TURNS_SHOWN]),
            "domains": list(rooms.live_turns.desk.team.only(caller.among).domains.values()),
        }
        listed = await _listed(rooms, caller, current=conversation)
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
        )
        address = f"/chat/{begun.turn.conversation}"
        if not request.headers.get("hx-request"):
            return Redirect(address, status_code=303)
        new = None if data.conversation else await rooms.conversations.read(caller.owner, begun.turn.conversation)
        return Template(
            "fragments/turn_begun.html",
            context={"answer": answer_so_far(begun), "begun": new},
            headers=CHANGED | ({"HX-Push-Url": address} if new else {}),
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
    growing = GrowingAnswer(stream.turn)
    growing.tell(stream.events)
    return growing.view()


def _goes_on(request: AnyRequest, stream: TurnStream) -> Response[None] | Redirect:
    """Answer what was said to a turn: its stream shows the rest, and who has none is sent to the page."""
    if request.headers.get("hx-request"):
        return Response(None, status_code=204)
    return Redirect(f"/chat/{stream.turn.conversation}", status_code=303)


def _is_inside(request: AnyRequest, conversation: str) -> bool:
    """Say whether the page that asks shows this conversation."""
    return request.headers.get("hx-current-url", "").endswith(f"/chat/{conversation}")


def _turns_before(turn: str | None, turns: Sequence[Turn]) -> Sequence[Turn]:
    """Give the turns that came before one of them; all where none is named. Raises UnknownTurn."""
    if turn is None:
        return turns
    place = next((place for place, each in enumerate(turns) if each.id == turn), None)
    if place is None:
        raise UnknownTurn(f"the conversation has no turn with the id {turn!r}", "Load the page again.")
    return turns[:place]


async def _answer(rooms: Rooms, caller: Caller, turn: Turn) -> AnswerView:
    if turn.outcome != "running":
        # In a thread: many long answers together would keep the loop from everyone else.
        return await asyncio.to_thread(finished_answer, turn)
    return answer_so_far(await rooms.live_turns.find(caller.owner, turn.id))


async def _listed(
    rooms: Rooms, caller: Caller, *, query: str = "", before: str | None = None, current: str | None
) -> dict[str, Any]:
    found = await rooms.conversations.find(caller.owner, query=query, limit=CONVERSATIONS_SHOWN, before=before)
    return {
        "conversations": found,
        "current": current,
        "query": query,
        "before": before,
        "more": found[-1].id if len(found) == CONVERSATIONS_SHOWN else None,
    }
