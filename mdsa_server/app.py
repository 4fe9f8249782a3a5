"""The server put together: the only file that knows all rooms."""

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

import structlog
from litestar import Litestar, Router
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from mdsa_server import __version__, bundled
from mdsa_server.chat.desk import Desk, Team
from mdsa_server.chat.live_turns import LiveTurns
from mdsa_server.configuration import Loaded
from mdsa_server.configuration.offers import require_offers
from mdsa_server.engine_places import StandIn, engine_places
from mdsa_server.inference.embedder import Embedder
from mdsa_server.inference.engine import Engine
from mdsa_server.inference.model_keeper import ModelKeeper
from mdsa_server.monitor.counters import Counters
from mdsa_server.plugin_host.discovery import discover
from mdsa_server.plugin_host.registry import PluginRegistry
from mdsa_server.settings import Settings
from mdsa_server.store.conversations import Conversations
from mdsa_server.store.data_folder import DATABASE_FILE, hold_data_folder
from mdsa_server.store.database import Database
from mdsa_server.store.embeddings import EmbeddingCache
from mdsa_server.store.turn_log import TurnLog
from mdsa_server.supervisor import Supervisor
from mdsa_server.vocabulary.fault import Fault
from mdsa_server.web.api.chat import ChatController
from mdsa_server.web.api.conversations import ConversationController
from mdsa_server.web.api.server import ServerController
from mdsa_server.web.auth import guard_against_strangers, provide_caller
from mdsa_server.web.pages import PAGES
from mdsa_server.web.pages.api_docs import ApiDocsPage
from mdsa_server.web.problems import EXCEPTION_HANDLERS
from mdsa_server.web.rendering import template_config
from mdsa_server.web.request_log import RequestLog
from mdsa_server.web.rooms import Rooms
from mdsa_server.web.static import static_files

log = structlog.get_logger(__name__)

Reread = Callable[[], Loaded]


def create_app(loaded: Loaded, *, url: str | None = None, reread: Reread | None = None) -> Litestar:
    """Make the server. Its rooms open when it starts and close when it stops.

    `url` is where it can be reached, left in the data folder for the terminal commands; `reread` reads the
    configuration again for a reload, and raises ConfigurationInvalid where it has faults.
    """
    settings = loaded.settings

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with open_rooms(loaded, url=url, reread=reread or (lambda: loaded)) as rooms:
            app.state.rooms = rooms
            yield

    def provide_rooms() -> Rooms:
        rooms: Rooms = app.state.rooms
        return rooms

    app = Litestar(
        route_handlers=[
            ChatController,
            ConversationController,
            ServerController,
            *PAGES,
            static_files(bundled.static()),
        ],
        lifespan=[lifespan],
        dependencies={
            "rooms": Provide(provide_rooms, sync_to_thread=False),
            "caller": Provide(provide_caller, sync_to_thread=False),
        },
        guards=[guard_against_strangers([settings.server.host, *settings.server.allowed_hosts])],
        exception_handlers=EXCEPTION_HANDLERS,
        template_config=template_config(bundled.templates(), bundled.static()),
        request_max_body_size=settings.server.max_body_bytes,
        logging_config=None,
        openapi_config=OpenAPIConfig(
            title="MDSA Server",
            version=__version__,
            use_handler_docstrings=True,
            path="/schema",
            render_plugins=[ApiDocsPage(), JsonRenderPlugin()],
            openapi_router=Router("/schema", route_handlers=[], opt={"scope": "public"}, include_in_schema=False),
        ),
    )
    app.asgi_handler = RequestLog(app.asgi_handler)
    return app


@asynccontextmanager
async def open_rooms(loaded: Loaded, *, url: str | None, reread: Reread) -> AsyncIterator[Rooms]:
    """Open store, engine, embedder, plugins and live turns, in that order; close them in reverse.

    Raises ConfigurationInvalid, DataFolderInUse or StoreUnusable.
    """
    settings = loaded.settings
    async with AsyncExitStack() as stack:
        stack.enter_context(hold_data_folder(settings.data_folder, url))
        database = await Database.open(settings.data_folder / DATABASE_FILE)
        stack.push_async_callback(database.close)
        conversations = Conversations(database)
        turn_log = TurnLog(database, keep=settings.store.keep_turns)
        if cut_off := await turn_log.mark_cut_off():
            log.warning("turns were cut off when the server last ended", turns=cut_off)

        supervisor = Supervisor()
        engine = await _open_engine(settings, stack)
        keeper = ModelKeeper(engine, keep_alive=settings.engine.keep_alive)
        embedder = Embedder(
            settings.embedding.model,
            offline=settings.embedding.offline,
            threads=settings.embedding.threads,
            cache=EmbeddingCache(database),
        )
        stack.push_async_callback(embedder.close)

        registry = await stack.enter_async_context(_open_plugins(settings, embedder))
        _warn(await require_offers(loaded, registry))
        team = _team(settings)
        counters = Counters()
        live_turns = LiveTurns(
            Desk(
                team=team,
                offers=registry,
                keeper=keeper,
                conversations=conversations,
                embed=embedder.embed,
                router_timeout=settings.routing.timeout,
            ),
            turn_log,
            spawn=supervisor.spawn,
            observe=counters.observe,
            max_message_chars=settings.server.max_message_chars,
        )
        stack.push_async_callback(supervisor.close)
        supervisor.service(engine.watch, "engine watch")
        supervisor.service(turn_log.keep_pruning, "turn log")
        stack.push_async_callback(live_turns.close, settings.server.shutdown_seconds)

        async def reload() -> tuple[str, ...]:
            fresh = reread()
            _warn(await require_offers(fresh, registry))
            domains = fresh.settings.domains_as_vocabulary()
            team = _team(fresh.settings)
            await registry.refit(team.routers, domains)
            live_turns.desk.team = team
            names = tuple(domain.name for domain in domains)
            log.info("configuration read again", domains=names)
            return names

        yield Rooms(
            live_turns=live_turns,
            conversations=conversations,
            turn_log=turn_log,
            engine=engine,
            registry=registry,
            counters=counters,
            started=datetime.now(UTC),
            reload=reload,
        )


async def _open_engine(settings: Settings, stack: AsyncExitStack) -> Engine:
    stand_in = StandIn()
    stack.push_async_callback(stand_in.stop)
    places, absent = engine_places(
        settings.engine.url,
        os.environ.get("OLLAMA_HOST"),
        settings.domains_as_vocabulary(),
        settings.engine.default_model,
        stand_in,
    )
    engine = Engine(
        places,
        absent=absent,
        default_model=settings.engine.default_model,
        connect_timeout=settings.engine.connect_timeout,
        stall_timeout=settings.engine.stall_timeout,
    )
    stack.push_async_callback(engine.close)
    status = await engine.find()
    if status.problem:
        log.warning("no engine", problem=status.problem, mend=status.mend)
    return engine


def _open_plugins(settings: Settings, embedder: Embedder) -> AbstractAsyncContextManager[PluginRegistry]:
    return PluginRegistry.open(
        discover(bundled.plugins(), settings.plugin_host.directories),
        settings=settings.plugins,
        domains=settings.domains_as_vocabulary(),
        embed=embedder.embed,
        disabled=settings.plugin_host.disabled,
        routers=settings.routing.routers,
        call_timeout=settings.plugin_host.call_timeout,
        max_faults=settings.plugin_host.max_faults,
    )


def _warn(warnings: Sequence[Fault]) -> None:
    for warning in warnings:
        log.warning("configuration", warning=str(warning))


def _team(settings: Settings) -> Team:
    return Team(
        domains={domain.name: domain for domain in settings.domains_as_vocabulary()},
        routers=tuple(settings.routing.routers),
        fallback=settings.routing.fallback,
        min_confidence=settings.routing.min_confidence,
    )
