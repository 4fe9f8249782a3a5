"""Routing looked at: what each router says of a message, and how good all of them were found to be."""

from typing import Annotated

from litestar import Controller, get, post
from msgspec import Struct

from mdsa_server.errors import MessageTooLong, ServerClosing, UnknownDomain
from mdsa_server.vocabulary.routing import RouteTrial
from mdsa_server.web.api.operations import TOO_LARGE, fails, like
from mdsa_server.web.auth import ByCaller
from mdsa_server.web.bodies import BodyReader
from mdsa_server.web.rooms import InRooms
from mdsa_server.web.routing import LastEvaluations, last_evaluations, try_message


class TrialRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message, and optionally the domain of the turn before, as if it went on with what was said there."""

    message: str
    previous: str | None = None


TrialBody = Annotated[TrialRequest, like(message="How do I sort a list in Python?")]


class RoutingController(Controller):
    """How messages find their domains."""

    path = "/api"
    tags = ("chat",)
    opt = {"scope": "monitor"}  # noqa: RUF012  # Litestar reads it so
    request_class = BodyReader

    @post(
        "/route/trial",
        operation_id="TryRoute",
        status_code=200,
        opt={"scope": "chat"},
        responses=fails(UnknownDomain, MessageTooLong, ServerClosing, TOO_LARGE),
    )
    async def try_route(self, data: TrialBody, rooms: InRooms, caller: ByCaller) -> RouteTrial:
        """Decide which domain would answer, and tell what each router said; no domain's model runs."""
        return await try_message(rooms, caller, data.message, data.previous)

    @get("/evaluations", operation_id="LastEvaluations", responses=fails())
    async def evaluations(self, rooms: InRooms) -> LastEvaluations:
        """Tell what `mdsa evaluate` last measured, and whether it is of the configuration that is in force."""
        return await last_evaluations(rooms)
