"""Plugins made for a test, as files or as objects with hooks, and a registry that has loaded them."""

import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mdsa_server.configuration.offers import NoCache
from mdsa_server.plugin_api import (
    Candidate,
    Domain,
    Embed,
    Message,
    Opinion,
    Passage,
    PluginContext,
    Retriever,
    RetrieverQuery,
    RouteQuery,
    Router,
    Tool,
    ToolSource,
    hookimpl,
)
from mdsa_server.plugin_api.contracts import Services
from mdsa_server.plugin_host.discovery import FoundPlugin, discover
from mdsa_server.plugin_host.limits import Limits
from mdsa_server.plugin_host.registry import PluginRegistry
from mdsa_server.vocabulary.plugins import PluginStatus

GENERAL = Domain(name="general", description="Everything else")
CODE = Domain(name="code", description="Programs", keywords=("python",))
NOWHERE = Path("no folder")


async def embed(texts: Sequence[str], *, cached: bool = False) -> "np.typing.NDArray[np.float32]":
    return np.ones((len(texts), 3), dtype=np.float32)


async def ask_model(messages: Sequence[Message], **_: Any) -> str:
    return f"asked: {messages[-1].content}"


async def search_passages(message: str, **_: Any) -> Sequence[Passage]:
    return [Passage(text=f"found: {message}", source="a.md")]


SERVICES = Services(embed, ask_model, search_passages, NoCache)


async def vector() -> "np.typing.NDArray[np.float32]":
    return np.ones(3, dtype=np.float32)


QUERY = RouteQuery(message="hello", vector=vector)

Answer = Callable[[], Awaitable[Any]]


async def sure_of_code() -> Opinion:
    return Opinion((Candidate("code", 0.9),))


async def learns() -> None:
    return None


@dataclass
class AnyRouter:
    """Fits and routes as the test says, and remembers what it was taught."""

    name: str = "any_router"
    answer: Answer = sure_of_code
    fitting: Answer = learns
    known: list[str] = field(default_factory=list)

    async def fit(self, domains: Sequence[Domain]) -> None:
        await self.fitting()
        self.known = [domain.name for domain in domains]

    async def route(self, query: RouteQuery) -> Opinion:
        opinion: Opinion = await self.answer()
        return opinion


@dataclass
class AnyRetriever:
    """Retrieves what the test says."""

    answer: Answer
    name: str = "any_retriever"

    async def retrieve(self, query: RetrieverQuery) -> Sequence[Passage]:
        passages: Sequence[Passage] = await self.answer()
        return passages


@dataclass
class ChangingSource:
    """A source whose tools come and go."""

    offered: list[Tool]

    async def tools(self) -> Sequence[Tool]:
        return self.offered


@dataclass(eq=False)
class Offering:
    """A plugin that offers what it is given; anything at all, so that misfits can be tried."""

    routers: Iterable[Any] = ()
    retrievers: Iterable[Any] = ()
    tools: Iterable[Any] = ()
    contexts: list[PluginContext] = field(default_factory=list)

    @hookimpl
    def register_routers(self, context: PluginContext) -> Iterable[Router]:
        self.contexts.append(context)
        return self.routers

    @hookimpl
    def register_retrievers(self, context: PluginContext) -> Iterable[Retriever]:
        return self.retrievers

    @hookimpl
    def register_tools(self, context: PluginContext) -> Iterable[ToolSource]:
        return self.tools


def found(name: str, plugin: object) -> FoundPlugin:
    """A plugin as it is found, whose loading gives `plugin`."""
    return FoundPlugin(name=name, source="package", version="1.0", location=f"the test: {name}", load=lambda: plugin)


def opened(
    *plugins: FoundPlugin,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    embed: Embed = embed,
    disabled: Sequence[str] = (),
    routers: Sequence[str] = ("any_router",),
    call_timeout: float = 5.0,
    fit_timeout: float = 5.0,
    learning_timeout: float = 5.0,
    max_faults: int = 3,
) -> AbstractAsyncContextManager[PluginRegistry]:
    """A registry of `plugins` for the domains `general` and `code`."""
    return PluginRegistry.open(
        plugins,
        settings=settings or {},
        domains=(GENERAL, CODE),
        services=SERVICES,
        disabled=disabled,
        routers=routers,
        limits=Limits(
            call_timeout=call_timeout,
            fit_timeout=fit_timeout,
            learning_timeout=learning_timeout,
            max_faults=max_faults,
        ),
    )


@asynccontextmanager
async def opened_from(folder: Path, **options: Any) -> AsyncIterator[PluginRegistry]:
    """A registry of the plugins whose files lie in `folder`."""
    async with opened(*discover(NOWHERE, [folder]), **options) as registry:
        yield registry


def write(folder: Path, file: str, text: str) -> Path:
    """Write a plugin's file, its text indented as the test is."""
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("from mdsa_server.plugin_api import *\n" + textwrap.dedent(text), "utf-8")
    return path


def status_of(registry: PluginRegistry, name: str) -> PluginStatus:
    (status,) = [status for status in registry.status() if status.name == name]
    return status


async def route_with(registry: PluginRegistry, name: str = "any_router") -> Opinion:
    """Ask a router as the chat does."""
    (router,) = [router for router in registry.routers if router.name == name]
    return await registry.call(router, lambda: router.route(QUERY))
