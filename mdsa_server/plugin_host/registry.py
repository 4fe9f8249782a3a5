"""The loaded plugins: what they offer together, and guarded calls of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

import structlog

from mdsa_server.errors import MdsaError, PluginFault
from mdsa_server.plugin_api.contracts import Embed, Retriever, Router, ToolSource
from mdsa_server.plugin_api.tool_schema import Tool
from mdsa_server.plugin_host.discovery import FoundPlugin
from mdsa_server.plugin_host.loading import Loader, Plugin
from mdsa_server.vocabulary.domain import Domain
from mdsa_server.vocabulary.plugins import Offer, PluginStatus

log = structlog.get_logger(__name__)

T = TypeVar("T")


class PluginRegistry:
    """Open with `async with PluginRegistry.open(...)`."""

    def __init__(self, plugins: Sequence[Plugin], *, call_timeout: float, max_faults: int) -> None:
        self._plugins = plugins
        self._call_timeout = call_timeout
        self._max_faults = max_faults
        self._fits: dict[int, asyncio.Task[None]] = {}

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        found: Sequence[FoundPlugin],
        *,
        settings: Mapping[str, Mapping[str, Any]],
        domains: tuple[Domain, ...],
        embed: Embed,
        disabled: Collection[str],
        call_timeout: float,
        max_faults: int,
    ) -> AsyncIterator[PluginRegistry]:
        """Load what was found; leave the plugins' lifespans when the block ends.

        A plugin that fails is quarantined with the reason. Routers learn the domains in the background; a
        call of one waits for that.
        """
        async with AsyncExitStack() as stack:
            plugins = [Plugin(found=one) for one in found]
            registry = cls(plugins, call_timeout=call_timeout, max_faults=max_faults)
            loader = Loader(settings=settings, domains=domains, embed=embed, stack=stack)
            seen: dict[str, str] = {}
            for plugin in plugins:
                if plugin.found.name in disabled:
                    plugin.state = "disabled"
                elif owner := seen.get(plugin.found.name):
                    plugin.quarantine("name", f"{owner} has this name already")
                else:
                    await loader.load(plugin, registry._taken())
                    seen[plugin.found.name] = plugin.found.location
                for fault in plugin.faults:
                    log.warning("plugin fault", plugin=plugin.found.name, hook=fault.hook, reason=fault.reason)
            stack.push_async_callback(registry._end_fits)
            registry._begin_fits(domains)
            yield registry

    @property
    def routers(self) -> tuple[Router, ...]:
        """The routers on offer, in the order they were registered."""
        return tuple(offered for offered in self._offered("router") if isinstance(offered, Router))

    @property
    def retrievers(self) -> tuple[Retriever, ...]:
        """The retrievers on offer, in the order they were registered."""
        return tuple(offered for offered in self._offered("retriever") if isinstance(offered, Retriever))

    async def tools(self) -> tuple[Tool, ...]:
        """The tools on offer now; a source that fails offers none, and its plugin's faults say why."""
        tools: list[Tool] = []
        for source in self._offered("tool"):
            if isinstance(source, ToolSource):
                try:
                    tools += await self.call(source, source.tools)
                except MdsaError as error:
                    log.warning("tools not offered", reason=error.detail)
        return tuple(tools)

    def status(self) -> tuple[PluginStatus, ...]:
        """Every plugin that was found, as it is now."""
        return tuple(plugin.status() for plugin in self._plugins)

    async def call(self, offered: object, work: Callable[[], Awaitable[T]]) -> T:
        """Run one call of an offered object, within the call timeout; of a router, once it knows the domains.

        Raises PluginFault for whatever goes wrong inside, and counts it; too many quarantine the plugin. An
        error of ours, such as EmbedderUnavailable, comes through as it is: it is not the plugin's fault.
        """
        plugin, name = self._owner(offered)
        fit = self._fits.get(id(offered))
        if fit is not None:
            await asyncio.shield(fit)
        try:
            async with asyncio.timeout(self._call_timeout):
                return await work()
        except TimeoutError:
            reason = f"no answer within {self._call_timeout:g} s"
        except PluginFault as error:
            reason = error.detail
        except MdsaError:
            raise
        except Exception as error:
            # A plugin's code may raise anything; here it becomes an error of ours that names the plugin.
            reason = f"{type(error).__name__}: {error}"
            log.warning("plugin raised", plugin=plugin.found.name, offer=name, exc_info=error)
        self._count(plugin, name, reason)
        raise PluginFault(f"plugin {plugin.found.name}: {name}: {reason}", "mdsa plugins lists the faults.")

    async def refit(self, domains: tuple[Domain, ...]) -> None:
        """Have every router learn changed domains; returns when all have."""
        self._begin_fits(domains)
        await asyncio.gather(*self._fits.values(), return_exceptions=True)

    def _offered(self, kind: str) -> list[object]:
        return [thing for plugin in self._plugins for offer, thing in plugin.offers if offer.kind == kind]

    def _taken(self) -> dict[Offer, str]:
        return {offer: plugin.found.name for plugin in self._plugins for offer, _ in plugin.offers}

    def _owner(self, offered: object) -> tuple[Plugin, str]:
        for plugin in self._plugins:
            for offer, thing in plugin.offers:
                if thing is offered:
                    return plugin, offer.name
        name = getattr(offered, "name", type(offered).__name__)
        raise PluginFault(f"{name} is no longer offered", "mdsa plugins says why.")

    def _count(self, plugin: Plugin, name: str, reason: str) -> None:
        plugin.fault(name, reason)
        if len(plugin.faults) >= self._max_faults and plugin.state == "active":
            plugin.quarantine(name, f"{len(plugin.faults)} faults, the last: {reason}")
            log.warning("plugin quarantined", plugin=plugin.found.name, reason=plugin.reason)

    def _begin_fits(self, domains: tuple[Domain, ...]) -> None:
        for router in self.routers:
            fit = asyncio.create_task(self._fit(router, domains), name=f"fit {router.name}")
            # Its error is logged and waits for the next call; asyncio need not complain that none came.
            fit.add_done_callback(lambda task: task.cancelled() or task.exception())
            self._fits[id(router)] = fit

    async def _fit(self, router: Router, domains: tuple[Domain, ...]) -> None:
        """Have a router learn the domains. One that cannot is quarantined, unless it was the embedder that failed."""
        try:
            await router.fit(domains)
        except MdsaError as error:
            if isinstance(error, PluginFault):
                self._owner(router)[0].quarantine("fit", error.detail)
            log.warning("router not fitted", router=router.name, reason=error.detail)
            raise
        except Exception as error:
            # As in `call`: a plugin's code may raise anything.
            self._owner(router)[0].quarantine("fit", f"{type(error).__name__}: {error}")
            log.warning("router not fitted", router=router.name, exc_info=error)
            raise PluginFault(
                f"{router.name} could not learn the domains: {error}", "mdsa plugins says more."
            ) from error

    async def _end_fits(self) -> None:
        for task in self._fits.values():
            task.cancel()
        await asyncio.gather(*self._fits.values(), return_exceptions=True)
