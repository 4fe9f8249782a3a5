"""One of the plugins that come with the server, loaded as the server loads it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NoReturn

from mdsa_server.plugin_api import AskModel, Domain, Embed, Message, SearchPassages, ToolCall
from mdsa_server.plugin_api.contracts import Services
from mdsa_server.plugin_host.discovery import discover
from mdsa_server.plugin_host.limits import Limits
from mdsa_server.plugin_host.registry import PluginRegistry

PLUGINS = Path(__file__).parents[2] / "plugins"
CALL = ToolCall(domain=Domain(name="general", description="Anything."), caller="local", conversation=None)


async def never_embed(texts: Sequence[str], *, cached: bool = False) -> NoReturn:
    raise AssertionError("this plugin embeds nothing")


async def never_ask(messages: Sequence[Message], **_: Any) -> NoReturn:
    raise AssertionError("this plugin asks no model")


async def never_search(message: str, **_: Any) -> NoReturn:
    raise AssertionError("this plugin searches nothing")


class KeptInMemory:
    """A plugin's cache that is there as long as the test."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    async def get(self, key: str) -> bytes | None:
        return self.values.get(key)

    async def put(self, key: str, value: bytes) -> None:
        self.values[key] = value


@asynccontextmanager
async def opened(
    name: str,
    *,
    domains: Sequence[Domain] = (),
    embed: Embed = never_embed,
    ask_model: AskModel = never_ask,
    search_passages: SearchPassages = never_search,
    cache: KeptInMemory | None = None,
    settings: dict[str, Any] | None = None,
    routers: Sequence[str] | None = None,
) -> AsyncIterator[PluginRegistry]:
    """A registry that holds the one plugin `name`; `routers` are asked, by default its own."""
    found = [plugin for plugin in discover(PLUGINS, []) if plugin.name == name]
    async with PluginRegistry.open(
        found,
        settings={name: settings or {}},
        domains=domains,
        services=Services(embed, ask_model, search_passages, lambda _: cache or KeptInMemory()),
        disabled=(),
        routers=[name] if routers is None else routers,
        limits=Limits(call_timeout=5.0, fit_timeout=30.0, learning_timeout=30.0, max_faults=1),
    ) as registry:
        yield registry


async def use(registry: PluginRegistry, tool: str, *, call: ToolCall = CALL, **arguments: Any) -> Any:
    """Call a tool with the arguments a model might give."""
    (found,) = [offered for offered in await registry.tools() if offered.name == tool]

    async def work() -> Any:
        made = found.bind(arguments, call)()
        return await made if found.is_async else made

    return await registry.call(found, work)
