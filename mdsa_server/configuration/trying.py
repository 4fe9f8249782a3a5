"""Plugins opened to be tried in the terminal's own process: with the embedder, and with an engine once one is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mdsa_server.configuration.load import Loaded, Reading
from mdsa_server.configuration.offers import NoCache, do_not_search, require_fit
from mdsa_server.configuration.opening import (
    AnyEmbedder,
    make_asker,
    make_embedder,
    make_keeper,
    opened_engine,
    opened_plugins,
)
from mdsa_server.errors import DataFolderInUse, EmbedderUnavailable
from mdsa_server.inference.model_keeper import ModelKeeper
from mdsa_server.plugin_api.contracts import Embed, Services
from mdsa_server.plugin_host.registry import PluginRegistry
from mdsa_server.settings import Settings
from mdsa_server.store.data_folder import DATABASE_FILE, hold_data_folder
from mdsa_server.store.database import Database
from mdsa_server.store.embeddings import EmbeddingCache
from mdsa_server.store.plugin_cache import StoredCache
from mdsa_server.supervisor import Supervisor
from mdsa_server.vocabulary.conversation import Message
from mdsa_server.vocabulary.domain import Domain

if TYPE_CHECKING:
    from mdsa_server.plugin_api.contracts import Vectors

# So many texts are embedded at once, and then it is told how far that is.
TOLD_EVERY = 256

Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]
"""Is told how much there is to do, and gives what is told of each part that is done."""


class Tried(NamedTuple):
    registry: PluginRegistry
    embed: Embed


@asynccontextmanager
async def tried_plugins(
    loaded: Loaded, routers: Sequence[str], domains: Sequence[Domain], ollama_host: str | None, progress: Progress
) -> AsyncIterator[Tried]:
    """Open the plugins, and have the named routers learn `domains`; the block begins when they have.

    Vectors are kept in the data folder, unless a server holds it. Raises ConfigurationInvalid, StoreUnusable or
    EmbedderUnavailable.
    """
    settings = loaded.settings
    async with AsyncExitStack() as stack:
        database = await _database(settings, stack)
        late = LateEngine(settings, ollama_host, stack)
        embedder = make_embedder(settings, late.keeper, EmbeddingCache(database) if database else None)
        stack.push_async_callback(embedder.close)
        embed = ToldEmbed(embedder.embed, progress)
        cache_of = partial(StoredCache, database) if database else NoCache
        services = Services(embed, late.ask_model, do_not_search, cache_of)
        plugins = opened_plugins(settings, services, routers, domains)
        registry = await stack.enter_async_context(plugins)
        await require_fit(Reading(loaded), registry)
        await registry.measured(routers)
        if embed.failed is not None:
            raise embed.failed
        yield Tried(registry, embed)


@asynccontextmanager
async def tried_embedder(loaded: Loaded, ollama_host: str | None) -> AsyncIterator[AnyEmbedder]:
    """Give what embeds, without a cache: what is tried once need not be kept."""
    async with AsyncExitStack() as stack:
        late = LateEngine(loaded.settings, ollama_host, stack)
        embedder = make_embedder(loaded.settings, late.keeper, None)
        stack.push_async_callback(embedder.close)
        yield embedder


class ToldEmbed:
    """The embedder, with progress told where there are many texts that will come again, which are what is taught."""

    def __init__(self, embed: Embed, progress: Progress) -> None:
        self._embed = embed
        self._progress = progress
        self._one_at_a_time = asyncio.Lock()
        self.failed: EmbedderUnavailable | None = None
        """The last failure. A router that could not learn for it only sits out, which is no way to be measured."""

    async def __call__(self, texts: Sequence[str], *, cached: bool = False) -> Vectors:
        try:
            if not cached or len(texts) <= TOLD_EVERY:
                return await self._embed(texts, cached=cached)
            async with self._one_at_a_time:
                with self._progress(len(texts)) as told:
                    made = []
                    for start in range(0, len(texts), TOLD_EVERY):
                        part = texts[start : start + TOLD_EVERY]
                        made.append(await self._embed(part, cached=True))
                        told(len(part))
            return np.concatenate(made)
        except EmbedderUnavailable as error:
            self.failed = error
            raise


class LateEngine:
    """Looks for the engine when a model is first asked: most ask none, and the stand-in takes a while to start."""

    def __init__(self, settings: Settings, ollama_host: str | None, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._ollama_host = ollama_host
        self._stack = stack
        self._opening = asyncio.Lock()
        self._keeper: ModelKeeper | None = None

    async def keeper(self) -> ModelKeeper:
        async with self._opening:
            if self._keeper is None:
                self._keeper = await self._open()
        return self._keeper

    async def ask_model(self, messages: Sequence[Message], **how: Any) -> str:
        return await make_asker(self._settings, await self.keeper())(messages, **how)

    async def _open(self) -> ModelKeeper:
        engine = await self._stack.enter_async_context(opened_engine(self._settings, self._ollama_host))
        supervisor = Supervisor()
        keeper = make_keeper(self._settings, engine, supervisor.spawn)
        self._stack.push_async_callback(supervisor.close)
        self._stack.push_async_callback(keeper.close)
        supervisor.service(keeper.watch, "model keeper")
        return keeper


async def _database(settings: Settings, stack: AsyncExitStack) -> Database | None:
    try:
        stack.enter_context(hold_data_folder(settings.data_folder, None))
    except DataFolderInUse:
        return None
    database = await Database.open(settings.data_folder / DATABASE_FILE)
    stack.push_async_callback(database.close)
    return database
