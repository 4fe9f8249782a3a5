"""What the server has and how it is: domains, metrics, health, reload."""

from http import HTTPStatus

from litestar import Controller, Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery
from msgspec import Struct

from mdsa_server.errors import ConfigurationInvalid, MdsaError, StoreUnusable, UnknownModel
from mdsa_server.monitor.history import Window
from mdsa_server.vocabulary.domain import Domain
from mdsa_server.web import prometheus
from mdsa_server.web.api.operations import fails
from mdsa_server.web.auth import ByCaller
from mdsa_server.web.bodies import BodyReader
from mdsa_server.web.metrics import ServerMetrics, server_metrics
from mdsa_server.web.problems import ToldProblem
from mdsa_server.web.rooms import InRooms, Reloaded, Rooms

# What an engine that does not answer may hold up an answer about everything else.
ENGINE_SECONDS = 2.0


class Health(Struct, frozen=True, kw_only=True):
    status: str
    store: str = "ok"
    """`ok`, or the code of what keeps conversations from being saved; messages are answered all the same."""


class ServerController(Controller):
    """What the server has, and how it is."""

    tags = ("server",)
    opt = {"scope": "monitor"}  # noqa: RUF012  # Litestar reads it so
    request_class = BodyReader

    @get("/api/domains", operation_id="ListDomains", opt={"scope": "chat"}, responses=fails())
    async def domains(self, rooms: InRooms, caller: ByCaller) -> list[Domain]:
        """List the domains that may answer, as they are configured, accepted corrections among their examples."""
        return list(rooms.live_turns.desk.team.only(caller.among).domains.values())

    @get("/api/metrics", operation_id="Metrics", responses=fails(StoreUnusable))
    async def metrics(self, rooms: InRooms, window: FromQuery[Window] = "15m") -> ServerMetrics:
        """Tell how the server is, and what happened: since it started, and in the last while."""
        return await server_metrics(rooms, window, await rooms.models.known(ENGINE_SECONDS, fresh=0))

    @get(
        "/metrics",
        operation_id="PrometheusMetrics",
        media_type=prometheus.MEDIA_TYPE,
        responses=fails()
        | {
            200: ResponseSpec(
                str,
                description="Text that Prometheus reads.",
                media_type=prometheus.MEDIA_TYPE,
                generate_examples=False,
            )
        },
    )
    async def prometheus(self, rooms: InRooms) -> Response[bytes]:
        """Tell the counts since the server started to Prometheus."""
        models = await rooms.models.known(ENGINE_SECONDS)
        return Response(prometheus.exposition(rooms, models.rows), media_type=prometheus.MEDIA_TYPE)

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
    async def live(self, rooms: InRooms) -> Health:
        """Say that the server runs, and whether it can save what is said."""
        return _health("live", rooms)

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
        return _health("ready", rooms)


def _health(status: str, rooms: Rooms) -> Health:
    trouble = rooms.database.trouble
    return Health(status=status, store=trouble.code if trouble else "ok")
