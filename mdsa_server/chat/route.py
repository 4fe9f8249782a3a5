"""Ask every router, side by side, and decide."""

import asyncio
import time
from collections.abc import Sequence

import structlog
from msgspec.structs import replace

from mdsa_server.chat.desk import RoutingDesk, SharedVector, Team
from mdsa_server.errors import EmbedderUnavailable, MdsaError, PluginFault
from mdsa_server.plugin_api.contracts import RouteQuery, Router
from mdsa_server.routing.decide import Terms, asked_for, decide
from mdsa_server.vocabulary.routing import Evidence, Opinion, Route

log = structlog.get_logger(__name__)


async def choose_route(desk: RoutingDesk, team: Team, query: RouteQuery, domain: str | None = None) -> Route:
    """Choose the domain that answers; `domain` names it where the caller did.

    A router that fails or takes too long has no say; the route's evidence tells so. Raises UnknownDomain.
    """
    began = time.monotonic()
    if domain is not None:
        return asked_for(team.domain(domain).name)
    routers = [router for name in team.routers for router in desk.offers.routers if router.name == name]
    opinions = await asyncio.gather(*(_ask(desk, team, router, query) for router in routers))
    route = decide(
        list(zip([router.name for router in routers], opinions, strict=True)),
        _terms(desk, team, routers),
        message=query.message,
        previous=query.previous_domain,
    )
    return replace(
        route,
        seconds=time.monotonic() - began,
        embedding_seconds=query.vector.seconds if isinstance(query.vector, SharedVector) else 0.0,
    )


def _terms(desk: RoutingDesk, team: Team, routers: Sequence[Router]) -> Terms:
    known = {router.name: desk.threshold(router, team.target_precision) for router in routers}
    return Terms(
        fallback=team.fallback,
        min_confidence=team.min_confidence,
        thresholds={router: threshold for router, threshold in known.items() if threshold is not None},
    )


async def _ask(desk: RoutingDesk, team: Team, router: Router, query: RouteQuery) -> Opinion:
    async def within_time() -> Opinion:
        try:
            async with asyncio.timeout(team.router_timeout) as limit:
                return await router.route(query)
        except TimeoutError as error:
            if not limit.expired():
                raise  # Of the router's own making.
            late = f"within {team.router_timeout:g} s"
            if isinstance(query.vector, SharedVector) and query.vector.awaited:
                # No fault of the router's, which waits as we do.
                raise EmbedderUnavailable(f"the message was not embedded {late}", "Ask again in a while.") from error
            raise PluginFault(f"no answer {late}") from error

    try:
        # The time counts from when the router knows the domains: at the start that may take a while.
        opinion = await desk.offers.call(router, within_time)
        # While domains are being changed, a router may still know the old ones or know the new ones already.
        known = tuple(candidate for candidate in opinion.candidates if candidate.domain in team.domains)
        return replace(opinion, candidates=known)
    except MdsaError as error:
        reason = error.detail
    log.warning("router had no say", router=router.name, reason=reason)
    return Opinion(evidence=(Evidence("note", f"{router.name} had no say: {reason}"),))
