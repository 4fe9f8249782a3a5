"""Chat, routes and turns under /api."""

from contextlib import closing
from dataclasses import replace
from typing import Annotated, Any, cast

from litestar import Controller, Request, Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, HeaderParameter
from msgspec import Struct

from mdsa_server.chat.desk import SharedVector
from mdsa_server.chat.route import choose_route
from mdsa_server.chat.turn import HISTORY_TURNS, route_query
from mdsa_server.errors import (
    ConversationFull,
    MessageTooLong,
    NotAsking,
    ServerClosing,
    ServerStopped,
    StoreUnusable,
    TooManyTurns,
    UnknownConversation,
    UnknownDomain,
    UnknownModel,
    UnknownTurn,
)
from mdsa_server.vocabulary.routing import OnTie, Route
from mdsa_server.vocabulary.turn import Needs, Turn
from mdsa_server.web.api.operations import ENGINE, EVENTS, TOO_LARGE, also, fails, like, streams
from mdsa_server.web.auth import ByCaller
from mdsa_server.web.bodies import BodyReader
from mdsa_server.web.problems import ToldProblem, status_of
from mdsa_server.web.rooms import InRooms
from mdsa_server.web.streams import EventStream, frames_of, last_event_id
from mdsa_server.web.turns import begin

REFUSED = (
    UnknownDomain,
    UnknownConversation,
    UnknownTurn,
    MessageTooLong,
    TooManyTurns,
    StoreUnusable,
    ServerClosing,
)
"""How a message may be refused, before any model is asked."""

OF_TURN = fails(UnknownTurn, StoreUnusable)

LastEventId = Annotated[str | None, HeaderParameter(name="Last-Event-ID", required=False)]


class ChatRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message, and optionally the conversation it goes on and the domain that must answer."""

    message: str
    conversation: str | None = None
    domain: str | None = None
    on_tie: OnTie | None = None
    """Whether to ask, or take the likelier, where two domains are as good as equally likely; else [routing] on_tie."""
    instead_of: str | None = None
    """A turn in whose place this one is to stand, after what led to it; that one stays as another branch."""
    after: str | None = None
    """The turn that this one goes on from; else the conversation's current one."""


class RouteRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message, and optionally the conversation it goes on and the domain that must answer."""

    message: str
    conversation: str | None = None
    previous: str | None = None
    """The domain of the turn before, to try a message as one that goes on; else the conversation's."""
    domain: str | None = None


RouteBody = Annotated[RouteRequest, like(message="How do I sort a list in Python?")]
ChatBody = Annotated[ChatRequest, like(message="What can you do?")]


class ChatAnswer(Struct, frozen=True, kw_only=True):
    turn: Turn


class WaitingTurn(Struct, frozen=True, kw_only=True):
    """A turn that waits for a word of its owner's; then it goes on, and can be read or followed by its id."""

    turn: str
    conversation: str
    needs: Needs


class ChosenDomain(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    domain: str


class Approval(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether a call of a tool that waits may be made."""

    call: str
    """Its name within the turn, as `needs` and `approval_asked` tell it."""
    approved: bool


class CancelAnswer(Struct, frozen=True, kw_only=True):
    turn: str


ChosenBody = Annotated[ChosenDomain, like(domain="general")]
ApprovalBody = Annotated[Approval, like(call="1", approved=True)]

ASKS = {
    202: ResponseSpec(
        WaitingTurn,
        description="The turn asks which domain is meant, or whether calls of tools may be made",
        generate_examples=False,
    )
}


class ChatController(Controller):
    """Messages in, answers out."""

    path = "/api"
    tags = ("chat",)
    opt = {"scope": "chat"}  # noqa: RUF012  # Litestar reads it so
    request_class = BodyReader

    @post(
        "/chat",
        operation_id="Chat",
        status_code=200,
        operation_class=also(EVENTS),
        responses=fails(*REFUSED, ConversationFull, UnknownModel, *ENGINE, ServerStopped) | ASKS,
    )
    async def chat(
        self, data: ChatBody, rooms: InRooms, caller: ByCaller, request: Request[Any, Any, Any]
    ) -> Response[ChatAnswer]:
        """Send a message. With `Accept: text/event-stream` the turn's events come; otherwise its whole answer.

        A turn that waits answers with 202 and what it `needs`: `POST /api/turns/{turn}/domain` says which of two
        domains is meant, `POST /api/turns/{turn}/approvals` whether a call of a tool may be made. It then goes on, and
        `GET /api/turns/{turn}/events` follows it to its end.
        """
        stream = await begin(
            rooms,
            caller,
            data.message,
            conversation=data.conversation,
            domain=data.domain,
            on_tie=data.on_tie,
            instead_of=data.instead_of,
            after=data.after,
        )
        headers = {"X-MDSA-Turn": stream.turn.id, "X-MDSA-Conversation": stream.turn.conversation}
        if EVENTS in request.headers.get("accept", ""):
            return EventStream(frames_of(stream.follow()), headers)
        turn = await stream.finished_or_asking()
        if turn.needs:
            waiting = WaitingTurn(turn=turn.id, conversation=turn.conversation, needs=turn.needs)
            # Described beside the answer (ASKS); of two return types Litestar would describe neither.
            return cast("Response[ChatAnswer]", Response(waiting, status_code=202, headers=headers))
        if turn.route:
            headers["X-MDSA-Route"] = route_header(turn.route)
        if turn.problem:
            raise ToldProblem(turn.problem, status_of(turn.problem), headers)
        return Response(ChatAnswer(turn=turn), headers=headers)

    @post(
        "/route",
        operation_id="Route",
        status_code=200,
        responses=fails(*REFUSED),
    )
    async def route(self, data: RouteBody, rooms: InRooms, caller: ByCaller) -> Response[Route]:
        """Decide which domain would answer; no model runs and nothing is saved."""
        live_turns = rooms.live_turns
        desk = live_turns.desk
        team = live_turns.check(data.message, data.domain, caller.among)
        history: list[Turn] = []
        if data.conversation:
            history = await rooms.conversations.latest_turns(caller.owner, data.conversation, HISTORY_TURNS)
        with closing(SharedVector(text=data.message, embed=desk.embed)) as vector:
            query = route_query(data.message, history, vector)
            if data.previous is not None:
                query = replace(query, previous_domain=team.domain(data.previous).name)
            route = await choose_route(desk, team, query, data.domain)
        return Response(route, headers={"X-MDSA-Route": route_header(route)})

    @get("/turns/{turn:str}", operation_id="ReadTurn", responses=OF_TURN)
    async def read_turn(self, turn: FromPath[str], rooms: InRooms, caller: ByCaller) -> Turn:
        """Read one turn; while it runs, as far as it has come."""
        return (await rooms.live_turns.find(caller.owner, turn)).so_far()

    @get(
        "/turns/{turn:str}/events",
        operation_id="FollowTurn",
        media_type=EVENTS,
        responses=OF_TURN | streams("The turn's events; each frame's `id` is where to go on from."),
    )
    async def follow_turn(
        self, turn: FromPath[str], rooms: InRooms, caller: ByCaller, last_id: LastEventId = None
    ) -> EventStream:
        """Follow a turn's events from its beginning, or from after `Last-Event-ID`."""
        stream = await rooms.live_turns.find(caller.owner, turn)
        return EventStream(frames_of(stream.follow(last_event_id(last_id))))

    @post(
        "/turns/{turn:str}/domain",
        operation_id="ChooseDomain",
        status_code=204,
        responses=fails(UnknownTurn, UnknownDomain, StoreUnusable, NotAsking, TOO_LARGE),
    )
    async def choose_domain(self, turn: FromPath[str], data: ChosenBody, rooms: InRooms, caller: ByCaller) -> None:
        """Answer a turn that asks which domain is meant, with one of the two or with any other; it then goes on."""
        await rooms.live_turns.choose_domain(caller.owner, turn, data.domain)

    @post(
        "/turns/{turn:str}/approvals",
        operation_id="ApproveCall",
        status_code=204,
        responses=fails(UnknownTurn, StoreUnusable, NotAsking, TOO_LARGE),
    )
    async def approve_call(self, turn: FromPath[str], data: ApprovalBody, rooms: InRooms, caller: ByCaller) -> None:
        """Allow a call of a tool that waits, or deny it; of several that wait each is answered on its own."""
        await rooms.live_turns.approve(caller.owner, turn, data.call, approved=data.approved, by=caller.owner)

    @post("/turns/{turn:str}/cancel", operation_id="CancelTurn", status_code=202, responses=OF_TURN)
    async def cancel_turn(self, turn: FromPath[str], rooms: InRooms, caller: ByCaller) -> CancelAnswer:
        """Stop a turn, and the engine with it. What there was of the answer is kept; one that has ended stays."""
        await rooms.live_turns.cancel(caller.owner, turn)
        return CancelAnswer(turn=turn)


def route_header(route: Route) -> str:
    """Write a route as the value of `X-MDSA-Route`; what is not quite sure is not written as 1."""
    confidence = min(route.confidence, 0.99) if route.confidence < 1 else 1.0
    return f"{route.domain}; confidence={confidence:.2f}; router={route.router}"
