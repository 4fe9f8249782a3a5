"""Load one plugin: import it, check its settings, enter its lifespan, collect what it offers."""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import msgspec
import pluggy
import structlog

from mdsa_server.errors import PluginFault
from mdsa_server.plugin_api import hookspecs
from mdsa_server.plugin_api.contracts import Embed, PluginContext, Retriever, Router, ToolSource
from mdsa_server.plugin_host.discovery import FoundPlugin
from mdsa_server.vocabulary.domain import Domain
from mdsa_server.vocabulary.plugins import Offer, OfferKind, PluginFaultRecord, PluginState, PluginStatus

PROJECT = "mdsa_server"

CONTRACTS: dict[OfferKind, tuple[str, type]] = {
    "router": ("register_routers", Router),
    "retriever": ("register_retrievers", Retriever),
    "tool": ("register_tools", ToolSource),
}
"""Each kind of offer: the hook that registers it, and the protocol it must fit."""


@dataclass(kw_only=True)
class Plugin:
    """A plugin from its finding on: its state, what it offers, what went wrong."""

    found: FoundPlugin
    state: PluginState = "active"
    reason: str = ""
    offers: list[tuple[Offer, object]] = field(default_factory=list)
    faults: list[PluginFaultRecord] = field(default_factory=list)

    def fault(self, hook: str, reason: str) -> None:
        self.faults.append(PluginFaultRecord(hook=hook, reason=reason, at=datetime.now(UTC)))

    def quarantine(self, hook: str, reason: str) -> None:
        """Take it out of use; what it offered is no longer offered."""
        self.fault(hook, reason)
        self.state, self.reason, self.offers = "quarantined", f"{hook}: {reason}", []

    def status(self) -> PluginStatus:
        return PluginStatus(
            name=self.found.name,
            version=self.found.version,
            source=self.found.source,
            location=self.found.location,
            state=self.state,
            reason=self.reason,
            offers=tuple(offer for offer, _ in self.offers),
            faults=tuple(self.faults),
        )


class Loader:
    """Loads plugins one after another into one pluggy manager, calling each plugin's hooks on their own."""

    def __init__(
        self,
        *,
        settings: Mapping[str, Mapping[str, Any]],
        domains: tuple[Domain, ...],
        embed: Embed,
        stack: AsyncExitStack,
    ) -> None:
        self._settings = settings
        self._domains = domains
        self._embed = embed
        self._stack = stack
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)

    async def load(self, plugin: Plugin, taken: Mapping[Offer, str]) -> None:
        """Load `plugin`, or quarantine it with the reason. `taken`: what others offer already, and who."""
        step = "import"
        try:
            module = plugin.found.load()
            step = "hooks"
            self._register(plugin.found.name, module)
            step = "plugin_settings"
            context = self._context(plugin.found.name, module)
            step = "plugin_lifespan"
            await self._enter(module, context)
            for kind, (hook, protocol) in CONTRACTS.items():
                step = hook
                for offered in self._call(module, hook, context=context):
                    _take(plugin, kind, protocol, offered, taken)
        except PluginFault as error:
            plugin.quarantine(step, error.detail)
        except (Exception, SystemExit) as error:
            # Whatever a plugin's code raises, exiting included, is its own fault and must not be the server's.
            plugin.quarantine(step, _told(error))

    def _register(self, name: str, module: ModuleType) -> None:
        self._manager.register(module, name)
        known = [hook for hook in vars(hookspecs) if self._manager.parse_hookspec_opts(hookspecs, hook) is not None]
        for hook in vars(module):
            if self._manager.parse_hookimpl_opts(module, hook) is not None and hook not in known:
                guess = difflib.get_close_matches(hook, known, n=1)
                raise PluginFault(f"there is no hook {hook}" + (f"; {guess[0]} is meant?" if guess else ""))

    def _context(self, name: str, module: ModuleType) -> PluginContext:
        """Make the plugin's own context; its table must fit the struct it names."""
        table = self._settings.get(name, {})
        (struct,) = self._results(module, "plugin_settings") or [None]
        if struct is None and table:
            raise PluginFault(f"[plugins.{name}] is set, but the plugin has no settings")
        try:
            settings = msgspec.convert(dict(table), struct) if struct else None
        except msgspec.ValidationError as error:
            raise PluginFault(f"[plugins.{name}] does not fit: {error}") from error
        return PluginContext(
            name=name,
            settings=settings,
            domains=self._domains,
            embed=self._embed,
            logger=structlog.get_logger(f"plugins.{name}"),
        )

    async def _enter(self, module: ModuleType, context: PluginContext) -> None:
        for lifespan in self._results(module, "plugin_lifespan", context=context):
            await self._stack.enter_async_context(lifespan)

    def _call(self, module: ModuleType, hook: str, **arguments: Any) -> list[object]:
        offered: list[object] = []
        for result in self._results(module, hook, **arguments):
            if not isinstance(result, Iterable):
                raise PluginFault(f"gave {type(result).__name__}, and not a list of what it offers")
            offered += result
        return offered

    def _results(self, module: ModuleType, hook: str, **arguments: Any) -> list[Any]:
        """Call one hook of one plugin: pluggy does not say whose hook it was that raised."""
        others = [other for other in self._manager.get_plugins() if other is not module]
        results: list[Any] = self._manager.subset_hook_caller(hook, others)(**arguments)
        return results


def _take(plugin: Plugin, kind: OfferKind, protocol: type, offered: object, taken: Mapping[Offer, str]) -> None:
    """Add an offer, or note why not: one bad offer does not spoil a plugin's others."""
    name = getattr(offered, "name", type(offered).__name__)
    hook = CONTRACTS[kind][0]
    offer = Offer(kind, str(name))
    if not isinstance(offered, protocol):
        missing = sorted(member for member in _members(protocol) if not hasattr(offered, member))
        plugin.fault(hook, f"{name} is no {protocol.__name__}: it lacks {', '.join(missing)}")
    elif offer in taken or any(offer == own for own, _ in plugin.offers):
        owner = taken.get(offer, plugin.found.name)
        plugin.fault(hook, f"{kind} {name} is not taken: {owner} offers one of that name already")
    else:
        plugin.offers.append((offer, offered))


def _members(protocol: type) -> set[str]:
    return {name for name in (*vars(protocol), *protocol.__annotations__) if not name.startswith("_")}


def _told(error: BaseException) -> str:
    """Say what was raised and where in the plugin."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"
