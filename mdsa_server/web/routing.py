"""Messages routed to see where they would go, and the evaluations that were kept: for the API and for pages."""

import asyncio
from contextlib import closing
from dataclasses import replace

from msgspec import Struct

from mdsa_server.chat.desk import SharedVector
from mdsa_server.chat.route import try_route
from mdsa_server.chat.turn import route_query
from mdsa_server.evaluation.kept import last
from mdsa_server.evaluation.results import RetrievalEvaluation, RouteEvaluation
from mdsa_server.vocabulary.routing import RouteTrial
from mdsa_server.web.auth import Caller
from mdsa_server.web.rooms import Rooms


class LastEvaluations(Struct, frozen=True, kw_only=True):
    """What `mdsa evaluate` last measured on this data folder; null where nothing was."""

    routes: RouteEvaluation | None
    routes_are_current: bool
    """Whether what was measured is in force now, accepted corrections apart, which are never measured."""
    retrieval: RetrievalEvaluation | None
    retrieval_is_current: bool


async def try_message(rooms: Rooms, caller: Caller, message: str, previous: str | None = None) -> RouteTrial:
    """Decide which domain would answer a caller's message that begins a conversation, or goes on with `previous`.

    No model runs but one that a router asks, and nothing is saved. Raises as a turn's start does, and UnknownDomain.
    """
    desk = rooms.live_turns.desk
    team = rooms.live_turns.check(message, previous, caller.among)
    with closing(SharedVector(text=message, embed=desk.embed)) as vector:
        query = replace(route_query(message, [], vector), previous_domain=previous)
        return await try_route(desk, team, query)


async def last_evaluations(rooms: Rooms) -> LastEvaluations:
    """Read what was kept; see whether the configuration has changed since."""
    routes = await asyncio.to_thread(last, rooms.data_folder, RouteEvaluation)
    retrieval = await asyncio.to_thread(last, rooms.data_folder, RetrievalEvaluation)
    now = rooms.configuration.fingerprint
    return LastEvaluations(
        routes=routes,
        routes_are_current=routes is not None and routes.fingerprint == now("routes"),
        retrieval=retrieval,
        retrieval_is_current=retrieval is not None and retrieval.fingerprint == now("retrieval"),
    )
