"""The engine and the plugins that settings ask for, opened: to serve with, and to check."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from mdsa_server import bundled
from mdsa_server.chat.desk import options_of
from mdsa_server.engine_places import StandIn, engine_places
from mdsa_server.errors import EmbedderUnavailable
from mdsa_server.inference.asking import ModelAsker
from mdsa_server.inference.embedder import Embedder
from mdsa_server.inference.embedding_cache import EmbeddingCache
from mdsa_server.inference.engine import Engine
from mdsa_server.inference.model_keeper import ModelKeeper, Spawn
from mdsa_server.inference.ollama_embedder import OllamaEmbedder
from mdsa_server.inference.residency import Limits
from mdsa_server.knowledge.library import Library
from mdsa_server.knowledge.reading import Reader
from mdsa_server.knowledge.search import Rerank
from mdsa_server.knowledge.stop_words import stop_words
from mdsa_server.plugin_api.contracts import AskModel, Services
from mdsa_server.plugin_host import limits as plugin_limits
from mdsa_server.plugin_host.discovery import discover
from mdsa_server.plugin_host.registry import PluginRegistry
from mdsa_server.setting_values import in_seconds
from mdsa_server.settings import Settings
from mdsa_server.store.data_folder import ENCODERS_FOLDER
from mdsa_server.store.database import Database
from mdsa_server.vocabulary.domain import Domain
from mdsa_server.vocabulary.passages import Passage

MEGABYTE = 1_000_000
GIGABYTE = 1_000_000_000

Keeper = Callable[[], Awaitable[ModelKeeper]]
AnyEmbedder = Embedder | OllamaEmbedder


@asynccontextmanager
async def opened_engine(settings: Settings, ollama_host: str | None) -> AsyncIterator[Engine]:
    """Look for the engine, starting the stand-in where it is its turn; its status says what was found.

    Raises ConfigurationInvalid where `ollama_host` counts and is no address.
    """
    stand_in = StandIn()
    places, absent = engine_places(
        settings.engine.url, ollama_host, settings.domains_as_vocabulary(), settings.engine.default_model, stand_in
    )
    engine = Engine(
        places,
        absent=absent,
        default_model=settings.engine.default_model,
        connect_timeout=settings.engine.connect_timeout,
        stall_timeout=settings.engine.stall_timeout,
    )
    try:
        await engine.find()
        yield engine
    finally:
        await engine.close()
        await stand_in.stop()


def make_keeper(settings: Settings, engine: Engine, spawn: Spawn) -> ModelKeeper:
    """Make what keeps the engine's models in memory."""
    residency = settings.residency
    return ModelKeeper(
        engine,
        limits=Limits(
            max_models=residency.max_models,
            max_memory=int(residency.max_memory_gb * GIGABYTE) or None,
            max_wait=residency.max_wait,
            max_running=residency.max_running,
            policy=residency.policy,
        ),
        max_line=residency.max_line,
        prefer=residency.prefer,
        worth=residency.worth_waiting,
        keep_alive=in_seconds(settings.engine.keep_alive),
        pinned=residency.pinned,
        preload={
            model: options_of(model, settings.domains_as_vocabulary())
            for model in (*residency.pinned, *residency.preload)
        },
        spawn=spawn,
    )


def make_asker(settings: Settings, keeper: ModelKeeper) -> AskModel:
    """Make what plugins ask models with."""
    domains = settings.domains_as_vocabulary()
    return ModelAsker(keeper, lambda model: options_of(model, domains, keeper.engine.default_model_name))


def make_embedder(settings: Settings, keeper: Keeper, cache: EmbeddingCache | None) -> AnyEmbedder:
    """Make what turns texts into vectors; `keeper` is asked for only where a model of the engine does."""
    embedding = settings.embedding
    if embedding.provider == "ollama":
        return OllamaEmbedder(keeper, embedding.model, cache)
    return Embedder(
        embedding.model,
        offline=embedding.offline,
        threads=embedding.threads,
        cache=cache,
        copies=settings.data_folder / ENCODERS_FOLDER if embedding.fast_messages else None,
    )


async def open_library(settings: Settings, database: Database, embedder: AnyEmbedder) -> Library:
    """Open the documents and what reads them. Raises StoreUnusable."""
    knowledge = settings.knowledge
    try:
        tokenizer = await asyncio.to_thread(lambda: embedder.tokenizer)
    except EmbedderUnavailable:
        tokenizer = None  # The library says so, and takes in no document.
    library = Library(
        database,
        reader=Reader(
            tokenizer,
            passage_tokens=knowledge.passage_tokens,
            max_bytes=int(knowledge.max_document_mb * MEGABYTE),
            seconds=knowledge.reading_timeout,
            memory=int(knowledge.reading_memory_gb * GIGABYTE),
        ),
        embed=embedder.embed_passages,
        encoder=embedder.encoder,
        stop_words=stop_words(knowledge.languages),
        in_memory=knowledge.vectors_in_memory,
    )
    await library.open()
    return library


def make_reranker(settings: Settings, registry: PluginRegistry) -> Rerank | None:
    """Make what judges the passages that a search found; None where none is configured, or it is in quarantine."""
    wanted = next((one for one in registry.rerankers if one.name == settings.knowledge.reranker), None)
    if wanted is None:
        return None
    reranker = wanted

    async def rerank(message: str, passages: Sequence[Passage]) -> Sequence[float]:
        return await registry.call(reranker, lambda: reranker.rerank(message, passages))

    return rerank


def opened_plugins(
    settings: Settings,
    services: Services,
    routers: Collection[str],
    domains: Sequence[Domain] | None = None,
    strangers: Sequence[str] = (),
) -> AbstractAsyncContextManager[PluginRegistry]:
    """Load all plugins that are not disabled, and have the named routers learn the domains.

    They are the configured ones where none are given; `strangers` are messages that belong to none of them.
    """
    host = settings.plugin_host
    return PluginRegistry.open(
        discover(bundled.plugins(), host.directories),
        settings=settings.plugins,
        domains=settings.domains_as_vocabulary() if domains is None else domains,
        strangers=strangers,
        services=services,
        disabled=host.disabled,
        routers=routers,
        limits=plugin_limits.Limits(
            call_timeout=host.call_timeout,
            fit_timeout=host.fit_timeout,
            learning_timeout=settings.routing.learning_timeout,
            max_faults=host.max_faults,
        ),
    )
