"""How one plugin joins: loaded, given its settings, opened, and asked for what it offers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import structlog

from mdsa_server.plugin_api.contracts import PluginContext, Services
from mdsa_server.plugin_host.hooks import Hooks
from mdsa_server.plugin_host.member import HookFailed, Member, blamed_on, blameless, in_words, listed
from mdsa_server.plugin_host.plugin_settings import fill_settings
from mdsa_server.plugin_host.shown_settings import shown_settings
from mdsa_server.vocabulary.domain import Domain
from mdsa_server.vocabulary.plugins import OfferKind
from mdsa_server.vocabulary.stopwatch import stopwatch

log = structlog.get_logger(__name__)

REGISTERING: dict[OfferKind, str] = {
    "router": "register_routers",
    "retriever": "register_retrievers",
    "reranker": "register_rerankers",
    "tool": "register_tools",
}
"""The hook that hands over each kind."""

# Everyone waits for each plugin to join; one that takes longer is named.
SLOW_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the server has for every plugin."""

    settings: Mapping[str, Mapping[str, Any]]
    """The `[plugins.NAME]` tables by name."""
    domains: tuple[Domain, ...]
    services: Services
    call_timeout: float
    """Seconds that opening or closing one plugin may take."""


async def join(
    member: Member, hooks: Hooks, around: Surroundings, open_plugins: AsyncExitStack
) -> list[tuple[OfferKind, object]]:
    """Let one plugin in and give what it offers, unchecked. Raises HookFailed at the first hook that fails."""
    name = member.name
    with _timed(name, "import"), blamed_on("import"):
        plugin = member.found.load()
        member.version = member.found.version or str(getattr(plugin, "__version__", ""))
    hooks.register(name, plugin)
    structs = hooks.call(name, "plugin_settings")
    settings = fill_settings(name, structs[0] if structs else None, around.settings.get(name, {}))
    member.settings = shown_settings(settings)
    context = PluginContext(
        name=name,
        settings=settings,
        domains=around.domains,
        embed=around.services.embed,
        ask_model=around.services.ask_model,
        search_passages=around.services.search_passages,
        cache=around.services.cache_of(name),
        logger=structlog.get_logger(f"plugins.{name}"),
    )
    with _timed(name, "plugin_lifespan"):
        for lifespan in hooks.call(name, "plugin_lifespan", context=context):
            opened = await _enter(member, lifespan, around.call_timeout, open_plugins)
            context = replace(context, opened=opened)
    offers: list[tuple[OfferKind, object]] = []
    for kind, hook in REGISTERING.items():
        with _timed(name, hook):
            offers += [
                (kind, offered)
                for result in hooks.call(name, hook, context=context)
                for offered in _offered(hook, result)
            ]
    return offers


async def _enter(member: Member, lifespan: object, seconds: float, open_plugins: AsyncExitStack) -> Any:
    hook = "plugin_lifespan"
    if not isinstance(lifespan, AbstractAsyncContextManager):
        raise HookFailed(
            hook, f"gave a {type(lifespan).__name__}; mark an async generator with @asynccontextmanager below @hookimpl"
        )
    try:
        async with asyncio.timeout(seconds) as limit:
            opened = await lifespan.__aenter__()
    except BaseException as error:
        # Whatever a plugin's code raises, it alone is out.
        if blameless(error):
            raise
        raise HookFailed(hook, f"not open within {seconds:g} s" if limit.expired() else in_words(error)) from error
    open_plugins.push_async_callback(_leave, member, lifespan, seconds)
    return opened


async def _leave(member: Member, lifespan: AbstractAsyncContextManager[Any], seconds: float) -> None:
    """Close what a plugin opened; one that fails at it must not keep the others from closing."""
    try:
        async with asyncio.timeout(seconds):
            await lifespan.__aexit__(None, None, None)
    except BaseException as error:
        if blameless(error):
            raise
        log.warning("plugin did not close", plugin=member.name, reason=in_words(error), exc_info=error)


def _offered(hook: str, result: object) -> Sequence[object]:
    if not isinstance(result, Iterable):
        raise HookFailed(hook, f"gave a {type(result).__name__}; it gives a list")
    with blamed_on(hook):  # A generator's code runs only now.
        return listed(result)


@contextmanager
def _timed(plugin: str, hook: str) -> Iterator[None]:
    """Log how long a plugin held up the start, if it did."""
    seconds = stopwatch()
    try:
        yield
    finally:
        if (taken := seconds()) > SLOW_SECONDS:
            log.warning("plugin holds up the start", plugin=plugin, hook=hook, seconds=round(taken, 1))
