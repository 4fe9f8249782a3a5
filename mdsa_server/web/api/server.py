"""What the server has and how it is: domains, plugins, metrics, health, reload."""

from datetime import UTC, datetime
from http import HTTPStatus

from litestar import Controller, get, post
from msgspec import Struct

from mdsa_server import __version__
from mdsa_server.errors import ConfigurationInvalid, MdsaError, UnknownModel
from mdsa_server.monitor.counters import Metrics
from mdsa_server.vocabulary.domain import Domain
from mdsa_server.vocabulary.models import EngineStatus
from mdsa_server.vocabulary.plugins import PluginStatus
from mdsa_server.web.api.operations import fails
from mdsa_server.web.auth import ByCaller
from mdsa_server.web.bodies import BodyReader
from mdsa_server.web.problems import ToldProblem
from mdsa_server.web.rooms import InRooms, Reloaded


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
    async def domains(self, rooms: InRooms, caller: ByCaller) -> list[Domain]:
        """List the domains that may answer, as they are configured, accepted corrections among their examples."""
        return list(rooms.live_turns.desk.team.only(caller.among).domains.values())

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
            domains = rooms.live_turns.desk.team.domains.values()
            for model in {model for domain in domains for model in domain.models or (None,)}:
                # Asked for by the name that a turn would use: the engine alone knows which names it understands.
                await engine.client.show(model or await engine.default_model())
        except MdsaError as error:
            if isinstance(error, UnknownModel):
                engine.forget_default_model()
            raise ToldProblem(error.problem, HTTPStatus.SERVICE_UNAVAILABLE) from error
        return Health(status="ready")
