"""All plugins of one server: what they offer, and every call of it within limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Self, TypeVar

import structlog

from mdsa_server.errors import EmbedderUnavailable, MdsaError, PluginFault
from mdsa_server.plugin_api.contracts import Embed, Reranker, Retriever, Router, Services, ToolSource
from mdsa_server.plugin_api.tool_schema import Tool
from mdsa_server.plugin_host.discovery import FoundPlugin
from mdsa_server.plugin_host.guarding import guarded
from mdsa_server.plugin_host.hooks import Hooks
from mdsa_server.plugin_host.hosted import HostedReranker, HostedRetriever, HostedRouter, misfit
from mdsa_server.plugin_host.joining import REGISTERING, Surroundings, join
from mdsa_server.plugin_host.limits import Limits
from mdsa_server.plugin_host.loop_watch import LoopWatch
from mdsa_server.plugin_host.member import HookFailed, Member, blamed_on, blameless, in_words, named
from mdsa_server.plugin_host.plugin_settings import SettingRefused, UnfitSetting
from mdsa_server.plugin_host.tool_sources import ToolSources
from mdsa_server.routing.decide import CALLER, FALLBACK
from mdsa_server.vocabulary.domain import Domain
from mdsa_server.vocabulary.plugins import Offer, OfferKind, PluginStatus
from mdsa_server.vocabulary.routing import Prediction

log = structlog.get_logger(__name__)

T = TypeVar("T")

# Routes say who decided by these names; a router that had one could not be told apart.
RESERVED_ROUTERS = (FALLBACK, CALLER)


class PluginRegistry:
    """The plugins of one server. `open` makes one."""

    def __init__(self, limits: Limits, embed: Embed) -> None:
        self._limits = limits
        self._embed = embed
        self._members: list[Member] = []
        self._routers: list[HostedRouter] = []
        self._retrievers: list[HostedRetriever] = []
        self._rerankers: list[HostedReranker] = []
        self._sources = ToolSources(self._guarded)
        self._loop_watch = LoopWatch()
        self.unfit_settings: list[UnfitSetting] = []
        """What was written for plugins, which are in quarantine now, and they cannot use."""

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        found: Sequence[FoundPlugin],
        *,
        settings: Mapping[str, Mapping[str, Any]],
        domains: Sequence[Domain],
        services: Services,
        disabled: Collection[str],
        routers: Collection[str],
        limits: Limits,
        strangers: Sequence[str] = (),
    ) -> AsyncIterator[Self]:
        """Load all plugins, one after the other; close them in reverse when the block ends.

        A plugin that fails is quarantined and nothing is raised. `routers` names those that will be asked: they
        learn the domains, in the background. `strangers` are messages that belong to none.
        """
        registry = cls(limits, services.embed)
        around = Surroundings(
            settings=settings,
            domains=tuple(domains),
            services=services,
            call_timeout=limits.call_timeout,
        )
        async with AsyncExitStack() as open_plugins:
            await registry._let_in(found, around, set(disabled), open_plugins)
            for router in registry._named(routers):
                router.begin(around.domains, strangers)
            try:
                await registry.tools()
                yield registry
            finally:
                registry._loop_watch.close()
                await asyncio.gather(*(router.end() for router in registry._routers))

    @property
    def routers(self) -> tuple[Router, ...]:
        """The routers of active plugins, in the order in which they joined."""
        return tuple(router for router in self._routers if router.member.active)

    @property
    def retrievers(self) -> tuple[Retriever, ...]:
        """The retrievers of active plugins, in the order in which they joined."""
        return tuple(retriever for retriever in self._retrievers if retriever.member.active)

    async def tools(self) -> tuple[Tool, ...]:
        """Ask every source what tools it has now; one that fails has none. Of two with one name the first counts."""
        return await self._sources.tools()

    def withheld(self) -> dict[str, str]:
        """Tell which tools sources cannot offer now, by names or patterns of them, and why, in a sentence each."""
        return self._sources.withheld()

    def status(self) -> tuple[PluginStatus, ...]:
        """Tell of every plugin that was found, those that are disabled or in quarantine too."""
        return tuple(member.status() for member in self._members)

    @property
    def rerankers(self) -> tuple[Reranker, ...]:
        """The rerankers of active plugins, in the order in which they joined."""
        return tuple(reranker for reranker in self._rerankers if reranker.member.active)

    def owner(self, tool: Tool) -> str:
        """Give the name of the plugin that offers a tool of this registry's."""
        return self._owner(tool)[0].name

    async def call(
        self,
        offered: object,
        work: Callable[[], Awaitable[T]],
        *,
        timeout: float | None = None,  # noqa: ASYNC109  # its expiry is counted as a fault
    ) -> T:
        """Run one call of a router, retriever or tool that this registry gave out; None is the usual timeout.

        A router is first given time to learn. Raises PluginFault where the call fails or takes too long, and counts
        it; an MdsaError of another kind is the plugin's to raise and passes as it is.
        """
        member, called = self._owner(offered)
        if isinstance(offered, HostedRouter) and member.active:
            await offered.ready(self._limits.learning_timeout)

        async def watched() -> T:
            with self._loop_watch.on(lambda seconds: member.blocked(called, seconds)):
                return await work()

        return await self._guarded(member, called, watched if isinstance(offered, Tool) else work, timeout)

    async def measured(self, routers: Collection[str]) -> dict[str, Sequence[Prediction]]:
        """Give what the named routers measured of themselves, once they have learnt; those that do not are left out."""
        named = self._named(routers)
        for router in named:
            with suppress(EmbedderUnavailable):
                await router.ready()
        return {router.name: router.predictions for router in named if router.predictions}

    async def refit(
        self, routers: Collection[str], domains: Sequence[Domain], strangers: Sequence[str] = ()
    ) -> list[str]:
        """Have the named routers learn changed domains; when all have, give what went wrong, a sentence each.

        One that fails keeps what it knew, and the fault is counted; one that never knew any is quarantined.
        """
        known = tuple(domains)
        failures = await asyncio.gather(*(self._refit(router, known, strangers) for router in self._named(routers)))
        return [failure for failure in failures if failure]

    def disable(self, plugin: str) -> PluginStatus:
        """Ask a plugin for nothing more until it is enabled, or the server starts again. Raises UnknownPlugin.

        What is under way goes on, and what the plugin has opened stays open.
        """
        member = named(self._members, plugin)
        member.disable()
        return member.status()

    async def enable(
        self, plugin: str, routers: Collection[str], domains: Sequence[Domain], strangers: Sequence[str] = ()
    ) -> PluginStatus:
        """Use a plugin again, and wait until those of its routers that are named have learnt, as at the start.

        Raises UnknownPlugin, or PluginNotLoaded where there is nothing that could be used.
        """
        member = named(self._members, plugin)
        if not member.active:
            member.require_joined()
            own = [router for router in self._routers if router.member is member]
            await asyncio.gather(*(router.end() for router in own))
            member.enable()
            learning = [router for router in own if router.name in routers]
            for router in learning:
                router.begin(domains, strangers)
            for router in learning:
                with suppress(EmbedderUnavailable):  # It sits out and says so, and learns with the next reload.
                    await router.ready()
            await self.tools()
        return member.status()

    async def _let_in(
        self, found: Sequence[FoundPlugin], around: Surroundings, disabled: set[str], open_plugins: AsyncExitStack
    ) -> None:
        hooks = Hooks()
        first: dict[str, FoundPlugin] = {}
        for plugin in found:
            member = Member(plugin, version=plugin.version)
            self._members.append(member)
            if plugin.name in disabled:
                member.state = "disabled"
            elif plugin.name in first:
                taken = f"a plugin of this name was found first in {first[plugin.name].location}; rename one of them"
                member.quarantine("import", taken)
            else:
                first[plugin.name] = plugin
                try:
                    with blamed_on("loading"):  # Each step names its hook; this is for what no step foresaw.
                        self._take(member, await join(member, hooks, around, open_plugins))
                        member.joined = True
                except HookFailed as failed:
                    member.quarantine(failed.hook, failed.reason, failed.__cause__)
                    if isinstance(failed, SettingRefused):
                        self.unfit_settings.append(failed.unfit)

    def _named(self, routers: Collection[str]) -> list[HostedRouter]:
        return [router for router in self._routers if router.member.active and router.name in routers]

    def _take(self, member: Member, offers: Sequence[tuple[OfferKind, object]]) -> None:
        """Keep what fits; what does not is refused by name, and the rest of its plugin is used."""
        for kind, offered in offers:
            if flaw := misfit(kind, offered) or self._taken(kind, offered):
                member.refuse(REGISTERING[kind], flaw)
            elif kind == "router" and isinstance(offered, Router):
                self._routers.append(
                    HostedRouter(offered, member, embed=self._embed, fit_timeout=self._limits.fit_timeout)
                )
                member.offers.append(Offer(kind, offered.name))
            elif kind == "retriever" and isinstance(offered, Retriever):
                self._retrievers.append(HostedRetriever(offered, member))
                member.offers.append(Offer(kind, offered.name))
            elif kind == "reranker" and isinstance(offered, Reranker):
                self._rerankers.append(HostedReranker(offered, member))
                member.offers.append(Offer(kind, offered.name))
            elif isinstance(offered, ToolSource):
                self._sources.add(member, offered)

    def _taken(self, kind: OfferKind, offered: object) -> str | None:
        if kind == "tool":  # Tools come and go: their names are compared whenever they are listed.
            return None
        name = getattr(offered, "name", None)
        if kind == "router" and name in RESERVED_ROUTERS:
            return f"the name {name!r} means something else in a route; give the router another"
        known: dict[OfferKind, Sequence[HostedRouter | HostedRetriever | HostedReranker]] = {
            "router": self._routers,
            "retriever": self._retrievers,
            "reranker": self._rerankers,
        }
        for other in known[kind]:
            if other.name == name:
                return f"the {kind} {name!r} is offered by {other.member.name} already"
        return None

    def _owner(self, offered: object) -> tuple[Member, str]:
        if isinstance(offered, HostedRouter):
            return offered.member, f"router {offered.name}"
        if isinstance(offered, HostedRetriever):
            return offered.member, f"retriever {offered.name}"
        if isinstance(offered, HostedReranker):
            return offered.member, f"reranker {offered.name}"
        if isinstance(offered, Tool) and (member := self._sources.owner(offered)):
            return member, f"tool {offered.name}"
        raise LookupError(f"{offered!r} was not given out by this registry")

    async def _guarded(
        self, member: Member, called: str, work: Callable[[], Awaitable[T]], seconds: float | None = None
    ) -> T:
        limits = self._limits
        return await guarded(member, called, work, seconds=seconds or limits.call_timeout, max_faults=limits.max_faults)

    async def _refit(self, router: HostedRouter, domains: Sequence[Domain], strangers: Sequence[str]) -> str | None:
        called, call = f"fit of {router.name}", router.member.begin()
        try:
            if not router.begun:
                router.begin(domains, strangers)
                await router.ready()
            else:
                await router.fit(domains, strangers)
                router.member.fared_well(called)
        except BaseException as error:
            if blameless(error):
                raise
            if isinstance(error, MdsaError) and not isinstance(error, PluginFault):
                log.warning("router keeps what it knew", router=router.name, problem=error.detail, mend=error.mend)
            else:
                router.member.count(called, call, in_words(error), self._limits.max_faults, error)
            return f"{router.name} did not learn the changed domains: {in_words(error)}"
        return None if router.member.active else f"{router.name} is in quarantine: {router.member.reason}"
