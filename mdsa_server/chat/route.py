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
from mdsa_server.vocabulary.routing import Evidence, Opinion, Route, RouterOpinion, RouteTrial
from mdsa_server.vocabulary.stopwatch import stopwatch

log = structlog.get_logger(__name__)


async def choose_route(desk: RoutingDesk, team: Team, query: RouteQuery, domain: str | None = None) -> Route:
    """Choose the domain that answers; `domain` names it where the caller did.

    A router that fails or takes too long has no say; the route's evidence tells so. Raises UnknownDomain.
    """
    return (await try_route(desk, team, query, domain)).route


async def try_route(desk: RoutingDesk, team: Team, query: RouteQuery, domain: str | None = None) -> RouteTrial:
    """Choose likewise, and tell what each router said."""
    began = time.monotonic()
    if domain is not None:
        return RouteTrial(route=asked_for(team.domain(domain).name))
    routers = [router for name in team.routers for router in desk.offers.routers if router.name == name]
    answers = await asyncio.gather(*(_ask(desk, team, router, query) for router in routers))
    terms = _terms(desk, team, routers)
    names = [router.name for router in routers]
    route = decide(
        [(name, opinion) for name, (opinion, _) in zip(names, answers, strict=True)],
        terms,
        message=query.message,
        previous=query.previous_domain,
    )
    route = replace(
        route,
        seconds=time.monotonic() - began,
        embedding_seconds=query.vector.seconds if isinstance(query.vector, SharedVector) else 0.0,
    )
    return RouteTrial(
        route=route,
        opinions=tuple(
            RouterOpinion(router=name, opinion=opinion, threshold=terms.threshold(name), seconds=seconds)
            for name, (opinion, seconds) in zip(names, answers, strict=True)
        ),
    )


def _terms(desk: RoutingDesk, team: Team, routers: Sequence[Router]) -> Terms:
    known = {router.name: desk.threshold(router, team.target_precision) for router in routers}
    return Terms(
        fallback=team.fallback,
        min_confidence=team.min_confidence,
        thresholds={router: threshold for router, threshold in known.items() if threshold is not None},
    )


async def _ask(desk: RoutingDesk, team: Team, router: Router, query: RouteQuery) -> tuple[Opinion, float]:
    """Give what a router says, and the seconds it took."""
    clock = stopwatch()

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
        # And who may use some of the domains alone is not shown what the others are taught.
        seen = tuple(item for item in opinion.evidence if item.domain is None or item.domain in team.domains)
        return replace(opinion, candidates=known, evidence=seen), clock()
    except MdsaError as error:
        reason = error.detail
    log.warning("router had no say", router=router.name, reason=reason)
    return Opinion(evidence=(Evidence("note", f"{router.name} had no say: {reason}"),)), clock()
