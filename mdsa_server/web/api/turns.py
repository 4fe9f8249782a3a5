"""The turns that are kept, under /api/turns: found, and told with where their time went."""

from typing import Annotated

from litestar import Controller, get
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Struct

from mdsa_server.errors import StoreUnusable, UnknownTurn
from mdsa_server.monitor.trace import Trace, trace_of
from mdsa_server.vocabulary.events import TurnEvent
from mdsa_server.vocabulary.turn import Outcome, TurnSummary
from mdsa_server.web.api.operations import fails
from mdsa_server.web.auth import ByCaller
from mdsa_server.web.rooms import InRooms
from mdsa_server.web.texts import SearchText

OF_TURN = fails(UnknownTurn, StoreUnusable)


class TurnList(Struct, frozen=True, kw_only=True):
    turns: list[TurnSummary]
    next: str | None
    """Give it as `before` to read on; null at the end."""


class TurnTrace(Struct, frozen=True, kw_only=True):
    """A turn's events, and the spans that they make."""

    turn: str
    trace: Trace
    events: list[TurnEvent]


class TurnController(Controller):
    """A caller's own turns."""

    path = "/api/turns"
    tags = ("turns",)
    opt = {"scope": "chat"}  # noqa: RUF012  # Litestar reads it so

    @get("/", operation_id="ListTurns", responses=OF_TURN)
    async def list_turns(
        self,
        rooms: InRooms,
        caller: ByCaller,
        text: SearchText = "",
        outcome: FromQuery[Outcome | None] = None,
        domain: FromQuery[str | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
        before: FromQuery[str | None] = None,
    ) -> TurnList:
        """List turns, newest first; `query` looks for words, and beginnings of words, in messages and answers."""
        found = await rooms.turn_log.find(
            caller.owner, query=text, outcome=outcome, domain=domain, before=before, limit=limit
        )
        return TurnList(turns=found, next=found[-1].id if len(found) == limit else None)

    @get("/{turn:str}/trace", operation_id="TraceTurn", responses=OF_TURN)
    async def trace_turn(self, turn: FromPath[str], rooms: InRooms, caller: ByCaller) -> TurnTrace:
        """Tell where a turn's time went, as spans, with the events that these are made of; a running one's so far."""
        stream = await rooms.live_turns.find(caller.owner, turn)
        return TurnTrace(turn=turn, trace=trace_of(stream.events, stream.clock()), events=stream.events)
