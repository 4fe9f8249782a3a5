"""What the server has and how it is: domains, models, plugins, metrics, health, reload."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

import msgspec
from litestar import Controller, get, post
from msgspec import Struct

from mdsa_server import __version__
from mdsa_server.errors import ConfigurationInvalid, InvalidRequest, MdsaError, UnknownModel
from mdsa_server.monitor.counters import Metrics
from mdsa_server.vocabulary.domain import Domain
from mdsa_server.vocabulary.models import EngineStatus, InstalledModel, ResidentModel
from mdsa_server.vocabulary.plugins import PluginStatus
from mdsa_server.web.api.operations import ENGINE, EVENTS, TOO_LARGE, fails, like, streams
from mdsa_server.web.bodies import BodyReader
from mdsa_server.web.problems import ToldProblem
from mdsa_server.web.rooms import InRooms, Reloaded, Rooms
from mdsa_server.web.streams import EventStream


class ModelRow(Struct, frozen=True, kw_only=True):
    """An installed model, and its place in memory if it has one."""

    installed: InstalledModel
    resident: ResidentModel | None


class ModelList(Struct, frozen=True, kw_only=True):
    engine: EngineStatus
    default_model: str | None
    """What answers for domains that name no model; null while it is not known."""
    models: list[ModelRow]


class PullRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str


PullBody = Annotated[PullRequest, like(name="llama3.2:1b")]


class ServerMetrics(Struct, frozen=True, kw_only=True):
    version: str
    uptime_seconds: float
    engine: EngineStatus
    turns: Metrics


class Health(Struct, frozen=True, kw_only=True):
    status: str


class ServerController(Controller):
    """What the server has, and how it is."""

    tags = ("server",)
    opt = {"scope": "monitor"}  # noqa: RUF012  # Litestar reads it so
    request_class = BodyReader

    @get("/api/domains", operation_id="ListDomains", opt={"scope": "chat"}, responses=fails())
    async def domains(self, rooms: InRooms) -> list[Domain]:
        """List the domains as they are configured."""
        return list(rooms.live_turns.desk.team.domains.values())

    @get("/api/models", operation_id="ListModels", responses=fails(*ENGINE))
    async def models(self, rooms: InRooms) -> ModelList:
        """List the engine's models; none while there is no engine."""
        engine = rooms.engine
        rows: list[ModelRow] = []
        if engine.status.problem is None:
            resident = {model.name: model for model in await engine.client.resident()}
            rows = [
                ModelRow(installed=model, resident=resident.get(model.name))
                for model in await engine.client.installed()
            ]
        return ModelList(engine=engine.status, default_model=engine.default_model_name, models=rows)

    @post(
        "/api/models/pull",
        operation_id="PullModel",
        opt={"scope": "admin"},
        status_code=200,
        media_type=EVENTS,
        responses=fails(TOO_LARGE) | streams("`progress` events, then `done` or `problem`."),
    )
    async def pull_model(self, data: PullBody, rooms: InRooms) -> EventStream:
        """Have the engine fetch a model; a stream of `progress` events, then `done` or `problem`."""
        if not data.name.strip():
            raise InvalidRequest("name: there is nothing in it", "Name a model, such as llama3.2:1b.")
        return EventStream(_pull_frames(rooms, data.name))

    @get("/api/plugins", operation_id="ListPlugins", responses=fails())
    async def plugins(self, rooms: InRooms) -> list[PluginStatus]:
        """List the plugins, what each offers, and what went wrong with it."""
        return list(rooms.registry.status())

    @get("/api/metrics", operation_id="Metrics", responses=fails())
    async def metrics(self, rooms: InRooms) -> ServerMetrics:
        """Count what happened since the server started."""
        return ServerMetrics(
            version=__version__,
            uptime_seconds=(datetime.now(UTC) - rooms.started).total_seconds(),
            engine=rooms.engine.status,
            turns=rooms.counters.metrics(),
        )

    @post(
        "/api/reload",
        operation_id="Reload",
        opt={"scope": "admin"},
        status_code=200,
        responses=fails(ConfigurationInvalid),
    )
    async def reload(self, rooms: InRooms) -> Reloaded:
        """Read mdsa.toml again. If it has faults, they are told and nothing changes."""
        return await rooms.reload()

    @get("/health/live", operation_id="Live", opt={"scope": "public"}, responses=fails())
    async def live(self) -> Health:
        """Say that the server runs."""
        return Health(status="live")

    @get(
        "/health/ready",
        operation_id="Ready",
        opt={"scope": "public"},
        responses=fails(HTTPStatus.SERVICE_UNAVAILABLE),
    )
    async def ready(self, rooms: InRooms) -> Health:
        """Say whether any message would be answered: turns are taken, and the engine has the domains' models."""
        engine = rooms.engine
        try:
            rooms.live_turns.check_open()
            engine.check()
            named = {domain.model for domain in rooms.live_turns.desk.team.domains.values()}
            for model in named:
                # Asked for by the name that a turn would use: the engine alone knows which names it understands.
                await engine.client.show(model or await engine.default_model())
        except MdsaError as error:
            if isinstance(error, UnknownModel):
                engine.forget_default_model()
            raise ToldProblem(error.problem, HTTPStatus.SERVICE_UNAVAILABLE) from error
        return Health(status="ready")


async def _pull_frames(rooms: Rooms, name: str) -> AsyncGenerator[bytes, None]:
    try:
        async for progress in rooms.engine.client.pull(name):
            yield b"event: progress\ndata: %b\n\n" % msgspec.json.encode(progress)
    except MdsaError as error:
        yield b"event: problem\ndata: %b\n\n" % msgspec.json.encode(error.problem)
    else:
        rooms.engine.forget_default_model()
        yield b"event: done\ndata: {}\n\n"
