"""Corrections of routes under /api: said of a turn, listed, accepted and rejected."""

from typing import Annotated

from litestar import Controller, Response, delete, get, post
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from mdsa_server.errors import (
    LearningWorsened,
    StoreUnusable,
    UnknownCorrection,
    UnknownDomain,
    UnknownTurn,
)
from mdsa_server.vocabulary.corrections import Correction, CorrectionState, Taught
from mdsa_server.web.api.operations import TOO_LARGE, fails, like
from mdsa_server.web.auth import ByCaller
from mdsa_server.web.bodies import BodyReader
from mdsa_server.web.rooms import InRooms

OF_CORRECTION = fails(UnknownCorrection, StoreUnusable)


InState = Annotated[CorrectionState | None, QueryParameter(name="state")]


class RightDomain(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The domain that should have answered; null where none fits."""

    domain: str | None


class Acceptance(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    force: bool = False
    """Accept it even where the routers become worse by it."""


UNFORCED = Acceptance()
RightDomainBody = Annotated[RightDomain, like(domain="code")]
AcceptanceBody = Annotated[Acceptance, like(force=False)]


class CorrectionController(Controller):
    """What people say of routes that were wrong, and what the routers are taught of it."""

    path = "/api"
    tags = ("corrections",)
    opt = {"scope": "admin"}  # noqa: RUF012  # Litestar reads it so
    request_class = BodyReader

    @post(
        "/turns/{turn:str}/correction",
        operation_id="CorrectTurn",
        opt={"scope": "chat"},
        responses=fails(UnknownTurn, UnknownDomain, TOO_LARGE, StoreUnusable),
    )
    async def correct_turn(
        self, turn: FromPath[str], data: RightDomainBody, rooms: InRooms, caller: ByCaller
    ) -> Response[Correction]:
        """Say which domain should have answered; said again before it is reviewed, it is replaced, and 200 answered."""
        corrected = (await rooms.live_turns.find(caller.owner, turn)).so_far()
        correction, new = await rooms.teaching.say(corrected, data.domain)
        return Response(correction, status_code=201 if new else 200)

    @get("/corrections", operation_id="ListCorrections", responses=fails(StoreUnusable))
    async def list_corrections(self, rooms: InRooms, kept: InState = None) -> list[Correction]:
        """List corrections, all or those in one state; the one settled or said last comes last."""
        return await rooms.teaching.corrections.find(kept)

    @post(
        "/corrections/{correction:str}/accept",
        operation_id="AcceptCorrection",
        status_code=200,
        responses=fails(UnknownCorrection, UnknownDomain, LearningWorsened, TOO_LARGE, StoreUnusable),
    )
    async def accept_correction(
        self, correction: FromPath[str], rooms: InRooms, data: AcceptanceBody = UNFORCED
    ) -> Taught:
        """Teach the routers a correction; where they become worse by it, nothing changes unless it is forced."""
        return await rooms.teaching.accept(correction, force=data.force)

    @post(
        "/corrections/{correction:str}/reject",
        operation_id="RejectCorrection",
        status_code=200,
        responses=OF_CORRECTION,
    )
    async def reject_correction(self, correction: FromPath[str], rooms: InRooms) -> Correction:
        """Reject a correction; if it had been accepted, the routers forget it."""
        return await rooms.teaching.reject(correction)

    @delete("/corrections/{correction:str}", operation_id="DeleteCorrection", responses=OF_CORRECTION)
    async def delete_correction(self, correction: FromPath[str], rooms: InRooms) -> None:
        """Delete a correction, for good; if it had been accepted, the routers forget it."""
        await rooms.teaching.delete(correction)
