"""The server put together: the only file that knows all rooms."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import structlog
from litestar import Litestar, Router
from litestar.di import Provide

from mdsa_server import bundled
from mdsa_server.chat.desk import Desk
from mdsa_server.chat.live_turns import LiveTurns
from mdsa_server.chat.teaching import Teaching, taught_team
from mdsa_server.configuration import Loaded, Reading
from mdsa_server.configuration.in_force import InForce
from mdsa_server.configuration.offers import no_key_for_others, require_fit
from mdsa_server.configuration.opening import (
    make_asker,
    make_embedder,
    make_keeper,
    make_reranker,
    open_library,
    opened_engine,
    opened_plugins,
)
from mdsa_server.configuration.reloading import Reloader, team_of
from mdsa_server.inference.model_keeper import ModelKeeper
from mdsa_server.knowledge.following import Followed
from mdsa_server.knowledge.ingestions import Ingestions
from mdsa_server.knowledge.library import PassageSearcher
from mdsa_server.monitor.counters import Counters
from mdsa_server.monitor.host import Host
from mdsa_server.monitor.host_watch import HostWatch
from mdsa_server.monitor.recorder import Recorder
from mdsa_server.plugin_api.contracts import Services
from mdsa_server.routing.teaching import strangers
from mdsa_server.store.access_keys import AccessKeys
from mdsa_server.store.audit import AuditLog
from mdsa_server.store.backup import forget_copies
from mdsa_server.store.conversations import Conversations
from mdsa_server.store.corrections import Corrections
from mdsa_server.store.data_folder import DATABASE_FILE, hold_data_folder
from mdsa_server.store.database import Database
from mdsa_server.store.embeddings import EmbeddingCache
from mdsa_server.store.plugin_cache import StoredCache
from mdsa_server.store.secrets import new_secret, pepper_of
from mdsa_server.store.sign_ins import SignIns
from mdsa_server.store.soundness import require_sound
from mdsa_server.store.statistics import StoredStatistics
from mdsa_server.store.turn_log import TurnLog
from mdsa_server.supervisor import Supervisor
from mdsa_server.vocabulary.stopwatch import stopwatch
from mdsa_server.web.api.access_keys import AccessKeyController
from mdsa_server.web.api.audit import AuditController
from mdsa_server.web.api.backup import BackupController
from mdsa_server.web.api.chat import ChatController
from mdsa_server.web.api.configuration import ConfigurationController
from mdsa_server.web.api.conversations import ConversationController
from mdsa_server.web.api.corrections import CorrectionController
from mdsa_server.web.api.documents import DocumentController
from mdsa_server.web.api.ingestions import IngestionController
from mdsa_server.web.api.models import ModelController
from mdsa_server.web.api.plugins import PluginController
from mdsa_server.web.api.routing import RoutingController
from mdsa_server.web.api.server import ServerController
from mdsa_server.web.api.tools import ToolController
from mdsa_server.web.api.turns import TurnController
from mdsa_server.web.api.uploads import UploadController
from mdsa_server.web.audit import AuditTrail
from mdsa_server.web.auth import Doorkeeper, guard_against_strangers, provide_caller
from mdsa_server.web.feed import Feeds
from mdsa_server.web.model_table import ModelTable
from mdsa_server.web.openapi import openapi_config
from mdsa_server.web.origins import cross_origin_sharing
from mdsa_server.web.pages import PAGES
from mdsa_server.web.pages.documents import DocumentPages
from mdsa_server.web.problems import EXCEPTION_HANDLERS
from mdsa_server.web.rendering import template_config
from mdsa_server.web.request_log import RequestLog
from mdsa_server.web.rooms import Rooms
from mdsa_server.web.static import static_files
from mdsa_server.web.token_limits import TokenLimits
from mdsa_server.web.uploads import upload_bytes

log = structlog.get_logger(__name__)


def create_app(loaded: Loaded, *, url: str | None = None, exposed: bool = False) -> Litestar:
    """Make the server. Its rooms open when it starts and close when it stops.

    `url` is where it can be reached, left in the data folder for the terminal commands; `exposed` says that other
    machines can reach it too.
    """
    settings, listens = loaded.settings, loaded.settings.server

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with open_rooms(loaded, url=url, exposed=exposed) as rooms:
            app.state.rooms = rooms
            yield

    def provide_rooms() -> Rooms:
        rooms: Rooms = app.state.rooms
        return rooms

    app = Litestar(
        route_handlers=[
            ChatController,
            ConfigurationController,
            ConversationController,
            DocumentController,
            IngestionController,
            Router(
                "/",
                route_handlers=[UploadController, DocumentPages],
                request_max_body_size=upload_bytes(settings.knowledge.max_document_mb),
            ),
            CorrectionController,
            ModelController,
            PluginController,
            RoutingController,
            ServerController,
            ToolController,
            TurnController,
            AccessKeyController,
            AuditController,
            BackupController,
            *PAGES,
            static_files(bundled.static()),
        ],
        lifespan=[lifespan],
        dependencies={
            "rooms": Provide(provide_rooms, sync_to_thread=False),
            "caller": Provide(provide_caller, sync_to_thread=False),
        },
        guards=[guard_against_strangers([listens.host, *listens.allowed_hosts], listens.cors_origins)],
        cors_config=cross_origin_sharing(listens.cors_origins),
        exception_handlers=EXCEPTION_HANDLERS,
        template_config=template_config(bundled.templates(), bundled.static()),
        request_max_body_size=listens.max_body_bytes,
        logging_config=None,
        openapi_config=openapi_config(),
    )
    app.asgi_handler = RequestLog(AuditTrail(app.asgi_handler))
    return app


@asynccontextmanager
async def open_rooms(loaded: Loaded, *, url: str | None, exposed: bool) -> AsyncIterator[Rooms]:
    """Open store, engine, model keeper, embedder, plugins and live turns, in that order; close them in reverse.

    Raises ConfigurationInvalid, DataFolderInUse or StoreUnusable.
    """
    settings = loaded.settings
    async with AsyncExitStack() as stack:
        terminal = new_secret("")
        stack.enter_context(hold_data_folder(settings.data_folder, url, terminal))
        forget_copies(settings.data_folder)
        await asyncio.to_thread(require_sound, settings.data_folder / DATABASE_FILE)
        database = await Database.open(settings.data_folder / DATABASE_FILE)
        stack.push_async_callback(database.close)
        pepper = pepper_of(settings.data_folder)
        keys = await AccessKeys.open(database, pepper)
        if exposed and not keys.needed():
            raise no_key_for_others(loaded)
        doorkeeper = Doorkeeper(
            keys,
            await SignIns.open(database, pepper),
            terminal,
            always=exposed,
            requests_per_minute=settings.limits.requests_per_minute,
        )
        conversations = Conversations(database, settings.limits.turns_per_conversation)
        turn_log = TurnLog(database, keep=settings.store.keep_turns)
        if cut_off := await turn_log.mark_cut_off():
            log.warning("turns were cut off when the server last ended", turns=cut_off)

        supervisor = Supervisor()
        engine = await stack.enter_async_context(opened_engine(settings, os.environ.get("OLLAMA_HOST")))
        if engine.status.problem:
            log.warning("no engine", problem=engine.status.problem, mend=engine.status.mend)
        keeper = make_keeper(settings, engine, supervisor.spawn)
        # For loads that plugins have asked for, should the start fail or one ask while it closes.
        stack.push_async_callback(supervisor.close)

        async def the_keeper() -> ModelKeeper:
            return keeper

        embedder = make_embedder(settings, the_keeper, EmbeddingCache(database))
        stack.push_async_callback(embedder.close)

        library = await open_library(settings, database, embedder)
        stack.push_async_callback(library.close)
        configured, corrections = team_of(settings), Corrections(database)
        accepted = await corrections.find("accepted")
        team = taught_team(configured, accepted)
        domains = tuple(team.domains.values())
        plugins = opened_plugins(
            settings,
            Services(
                embedder.embed,
                make_asker(settings, keeper),
                PassageSearcher(library, embedder.embed),
                partial(StoredCache, database),
            ),
            team.routers,
            domains,
            strangers(accepted),
        )
        registry = await stack.enter_async_context(plugins)
        _, misfits = await require_fit(Reading(loaded), registry)
        for warning in misfits:
            log.warning("configuration", warning=str(warning))
        library.use_reranker(make_reranker(settings, registry))
        desk = Desk(
            team=team,
            offers=registry,
            keeper=keeper,
            conversations=conversations,
            embed=embedder.embed,
        )
        teaching = Teaching(configured, desk=desk, learners=registry, corrections=corrections)
        counters = Counters()
        recorder = Recorder(counters, StoredStatistics(database), loads=lambda: keeper.loads)
        await recorder.open()
        host_watch = HostWatch(Host().read, counters.count)
        live_turns = LiveTurns(
            desk,
            turn_log,
            spawn=supervisor.spawn,
            observe=counters.observe,
            max_message_chars=settings.server.max_message_chars,
            most_at_once=settings.limits.turns_at_once,
        )
        stack.push_async_callback(keeper.close)
        # Once nothing is counted any more.
        stack.push_async_callback(recorder.flush)
        stack.push_async_callback(supervisor.close)
        supervisor.service(engine.watch, "engine watch")
        supervisor.service(keeper.watch, "model keeper")
        supervisor.service(database.watch, "store watch")
        supervisor.service(turn_log.keep_pruning, "turn log")
        supervisor.service(library.keep_filled, "library")
        supervisor.service(recorder.keep_flushing, "statistics")
        supervisor.service(host_watch.watch, "host watch")
        followed = Followed(library, supervisor.spawn)
        followed.take_up(settings.folders)
        stack.push_async_callback(live_turns.close, settings.server.shutdown_seconds)

        in_force = InForce(loaded, registry=registry, engine=engine)
        reloader = Reloader(
            loaded,
            teaching=teaching,
            registry=registry,
            engine=engine,
            followed=followed,
            took_up=in_force.take_up,
        )
        yield Rooms(
            live_turns=live_turns,
            conversations=conversations,
            turn_log=turn_log,
            teaching=teaching,
            engine=engine,
            keeper=keeper,
            models=ModelTable(engine, keeper, supervisor.spawn),
            library=library,
            ingestions=Ingestions(supervisor.spawn),
            registry=registry,
            counters=counters,
            recorder=recorder,
            host_watch=host_watch,
            feeds=Feeds(supervisor.spawn),
            most_upload_bytes=upload_bytes(settings.knowledge.max_document_mb),
            doorkeeper=doorkeeper,
            token_limits=TokenLimits(settings.limits.tokens_per_minute),
            database=database,
            audit=AuditLog(database, settings.store.keep_audit),
            uptime=stopwatch(),
            configuration=in_force,
            data_folder=settings.data_folder,
            reload=reloader.reload,
            spawn=supervisor.spawn,
        )
