"""The pages of turns: found and listed, each with where its time went, and two of them side by side."""

import asyncio
from typing import Annotated, Any, get_args
from urllib.parse import urlencode

from litestar import Controller, MediaType, Request, Response, get, post
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Redirect, Template

from mdsa_server.chat.turn_stream import TurnStream
from mdsa_server.errors import InvalidRequest
from mdsa_server.monitor.differences import differences, prompt_tokens
from mdsa_server.monitor.trace import Trace, trace_of
from mdsa_server.vocabulary.turn import Outcome, Turn
from mdsa_server.web.auth import ByCaller, Caller
from mdsa_server.web.pages.chat import answer_so_far
from mdsa_server.web.pages.surroundings import surroundings
from mdsa_server.web.pages.turn_bars import STAGES, exactly, lanes_of, shares_of, ticks_of
from mdsa_server.web.rendering import render
from mdsa_server.web.rooms import InRooms, Rooms
from mdsa_server.web.texts import COLLECTION_CHARS, SearchText
from mdsa_server.web.turns import begin

TURNS_SHOWN = 50
OUTCOMES: dict[Outcome, str] = {
    "answered": "answered",
    "failed": "failed",
    "cancelled": "stopped",
    "running": "running",
}
"""How a turn ended, in words."""

AnyRequest = Request[Any, Any, Any]


class TurnPages(Controller):
    """The list of turns, and the page of each."""

    path = "/turns"
    opt = {"scope": "chat"}  # noqa: RUF012  # Litestar reads it so
    include_in_schema = False

    @get("/")
    async def page(
        self,
        rooms: InRooms,
        caller: ByCaller,
        text: SearchText = "",
        outcome: FromQuery[str] = "",
        domain: Annotated[str, QueryParameter(max_length=COLLECTION_CHARS)] = "",
        before: FromQuery[str] = "",
    ) -> Template:
        """List turns, newest first, as a form narrows them; an empty field narrows nothing."""
        turns = await rooms.turn_log.find(
            caller.owner,
            query=text,
            outcome=_outcome(outcome),
            domain=domain or None,
            before=before or None,
            limit=TURNS_SHOWN,
        )
        asked = {name: value for name, value in (("query", text), ("outcome", outcome), ("domain", domain)) if value}
        more = urlencode(asked | {"before": turns[-1].id}) if len(turns) == TURNS_SHOWN else ""
        configured = rooms.live_turns.desk.team.only(caller.among).domains
        context = surroundings(rooms, "turns") | {
            "turns": turns,
            "asked": asked,
            "more": more,
            "before": before,
            "outcomes": OUTCOMES,
            "domains": sorted({*configured, *(() if caller.among else await rooms.turn_log.domains(caller.owner))}),
        }
        return Template("pages/turns.html", context=context)

    @get("/{turn:str}")
    async def one(
        self,
        turn: FromPath[str],
        rooms: InRooms,
        caller: ByCaller,
        request: AnyRequest,
        against: FromQuery[str] = "",
    ) -> Response[str]:
        """Show a turn, a running one as far as it has come, and how it differs from another one."""
        stream = await rooms.live_turns.find(caller.owner, turn)
        other = await rooms.live_turns.find(caller.owner, against) if against else None
        context = await _context(rooms, caller, stream, other)
        # In a thread: a long answer would keep the loop from everyone else.
        page = await asyncio.to_thread(_rendered, request, stream, other, context)
        return Response(page, media_type=MediaType.HTML)

    @post("/{turn:str}/again", status_code=303)
    async def again(self, turn: FromPath[str], rooms: InRooms, caller: ByCaller) -> Redirect:
        """Have a turn's message answered again by what is configured now, after what was said before it then.

        The conversation does not move: it goes on from where it was.
        """
        before = (await rooms.live_turns.find(caller.owner, turn)).so_far()
        route = before.route
        asked_for = route.domain if route and route.router == "caller" and not route.tied else None
        begun = await begin(rooms, caller, before.message, domain=asked_for, instead_of=before.id, aside=True)
        return Redirect(f"/turns/{begun.turn.id}?against={before.id}", status_code=303)


def _outcome(text: str) -> Outcome | None:
    """Read an outcome; none is asked for where nothing is written. Raises InvalidRequest."""
    found: Outcome | None = next((known for known in get_args(Outcome) if known == text), None)
    if text and found is None:
        raise InvalidRequest(f"outcome: there is none called {text[:40]!r}", f"Take one of: {', '.join(OUTCOMES)}.")
    return found


async def _context(rooms: Rooms, caller: Caller, stream: TurnStream, other: TurnStream | None) -> dict[str, Any]:
    versions = await rooms.live_turns.unsaved.beside(caller.owner, stream.turn)
    return surroundings(rooms, "turns") | {
        "versions": versions,
        "other": other.so_far() if other else None,
        "outcomes": OUTCOMES,
        "stages": STAGES,
        "exactly": exactly,
    }


def _rendered(request: AnyRequest, stream: TurnStream, other: TurnStream | None, context: dict[str, Any]) -> str:
    answer, trace = answer_so_far(stream), _trace(stream)
    turn = stream.so_far()
    context |= {
        "answer": answer,
        "turn": turn,
        "trace": trace,
        "lanes": lanes_of(trace),
        "ticks": ticks_of(trace),
        "shares": shares_of(turn.ledger) if turn.ledger else [],
        "prompt_tokens": prompt_tokens(turn.ledger) if turn.ledger else 0,
        "cited": {source.number for source in answer.sources if source.cited},
        "given": {one.number for one in turn.given},
        "differences": _differences(other, turn, trace) if other else None,
    }
    return render(request, "pages/turn.html", **context)


def _differences(other: TurnStream, turn: Turn, trace: Trace) -> Any:
    return differences(other.so_far(), turn, (_trace(other), trace))


def _trace(stream: TurnStream) -> Trace:
    return trace_of(stream.events, stream.clock())
