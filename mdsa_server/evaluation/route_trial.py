"""Labelled messages routed as a turn's would be, one after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from mdsa_server.chat.desk import Offers, RoutingDesk, SharedVector, Team
from mdsa_server.chat.route import choose_route
from mdsa_server.evaluation.labelled import Labelled
from mdsa_server.evaluation.routes import Judged
from mdsa_server.plugin_api.contracts import Embed, RouteQuery
from mdsa_server.routing.decide import FALLBACK
from mdsa_server.vocabulary.routing import OnTie, Route


async def judge(offers: Offers, team: Team, messages: Iterable[Labelled], embed: Embed) -> AsyncIterator[Judged]:
    """Route each message as the first of a conversation; by the team's routers, thresholds and fallback.

    One at a time, so that what each took is its own. A router that fails has no say, as in a turn.
    """
    desk = RoutingDesk(offers=offers)
    for message in messages:
        vector = SharedVector(text=message.text, embed=embed)
        route = await choose_route(desk, team, RouteQuery(message=message.text, vector=vector))
        yield judged(message, route, team.on_tie)


def judged(message: Labelled, route: Route, on_tie: OnTie) -> Judged:
    """Compare a route with the label. Where no router tells how likely none fits, it is what the surest lacks to 1."""
    surest = route.candidates[0] if route.candidates else None
    confidence = surest.confidence if surest else 0.0
    return Judged(
        text=message.text,
        domain=message.domain,
        surest=surest.domain if surest else None,
        confidence=confidence,
        out_of_scope=1.0 - confidence if route.out_of_scope is None else route.out_of_scope,
        decided=None if route.tied and on_tie == "ask" else route.domain,
        fallback=route.router == FALLBACK,
        embedding_seconds=route.embedding_seconds,
        scoring_seconds=max(0.0, route.seconds - route.embedding_seconds),
    )
