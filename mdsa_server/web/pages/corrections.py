"""Wrong routes: saying so below an answer, and the page where what was said is reviewed."""

from typing import Any

from litestar import Controller, Request, get, post
from litestar.params import FromPath, FromQuery, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Struct
from msgspec.structs import replace

from mdsa_server.errors import LearningWorsened, MdsaError
from mdsa_server.vocabulary.corrections import Correction, Taught
from mdsa_server.vocabulary.turn import Turn
from mdsa_server.web.auth import ByCaller, Caller
from mdsa_server.web.bodies import BodyReader
from mdsa_server.web.pages.surroundings import surroundings
from mdsa_server.web.problems import MENDS_FOR_PEOPLE, STATUS
from mdsa_server.web.rooms import InRooms, Rooms

AnyRequest = Request[Any, Any, Any]


class RightDomainForm(Struct, frozen=True, kw_only=True):
    """An empty domain says that none is right."""

    domain: str


class CorrectionPages(Controller):
    """What the unfolded route of an answer asks for."""

    path = "/chat/turns/{turn:str}/correction"
    opt = {"scope": "chat"}  # noqa: RUF012  # Litestar reads it so
    request_class = BodyReader
    include_in_schema = False

    @get("/")
    async def ask(self, turn: FromPath[str], rooms: InRooms, caller: ByCaller) -> Template:
        """Ask which domain is right, and show what was said."""
        shown = (await rooms.live_turns.find(caller.owner, turn)).so_far()
        return _correction(rooms, caller, shown, await rooms.teaching.corrections.of_turn(turn))

    @post("/", status_code=200)
    async def say(
        self,
        turn: FromPath[str],
        data: URLEncodedBody[RightDomainForm],
        rooms: InRooms,
        caller: ByCaller,
        request: AnyRequest,
    ) -> Template | Redirect:
        """Say which domain is right; a plain form is sent back to the conversation."""
        corrected = (await rooms.live_turns.find(caller.owner, turn)).so_far()
        said, _ = await rooms.teaching.say(corrected, data.domain or None)
        if not request.headers.get("hx-request"):
            return Redirect(f"/chat/{corrected.conversation}", status_code=303)
        return _correction(rooms, caller, corrected, said)


class ReviewPages(Controller):
    """The page of corrections, and what its buttons do."""

    path = "/routes/review"
    opt = {"scope": "admin"}  # noqa: RUF012  # Litestar reads it so
    include_in_schema = False

    @get("/", operation_id="ListCorrections")
    async def page(self, rooms: InRooms) -> Template:
        """Show what waits for review, and what the routers were taught."""
        return await _review(rooms, whole=True)

    @post("/{correction:str}/accept", operation_id="AcceptCorrection", status_code=200)
    async def accept(
        self, correction: FromPath[str], rooms: InRooms, request: AnyRequest, force: FromQuery[bool] = False
    ) -> Template:
        """Teach the routers a correction, or show beside it why they were not taught it."""
        whole = not request.headers.get("hx-request")
        try:
            taught = await rooms.teaching.accept(correction, force=force)
        except MdsaError as error:
            return await _review(rooms, whole=whole, refused=(correction, error))
        return await _review(rooms, whole=whole, taught=taught)

    @post("/{correction:str}/reject", operation_id="RejectCorrection", status_code=200)
    async def reject(self, correction: FromPath[str], rooms: InRooms, request: AnyRequest) -> Template:
        """Reject a correction; if it had been accepted, the routers forget it."""
        await rooms.teaching.reject(correction)
        return await _review(rooms, whole=not request.headers.get("hx-request"))


def _correction(rooms: Rooms, caller: Caller, turn: Turn, correction: Correction | None) -> Template:
    others = [name for name in rooms.live_turns.desk.team.only(caller.among).domains if name != turn.domain]
    return Template("fragments/correction.html", context={"turn": turn, "others": others, "correction": correction})


async def _review(
    rooms: Rooms, *, whole: bool, taught: Taught | None = None, refused: tuple[str, MdsaError] | None = None
) -> Template:
    """Show the corrections, and what came of a try to accept one: what was taught, or which was refused and why."""
    corrections = rooms.teaching.corrections
    context = surroundings(rooms, "review") | {
        "pending": await corrections.find("pending"),
        "accepted": list(reversed(await corrections.find("accepted"))),
        "taught": taught,
        "refused": None,
    }
    status = 200
    if refused:
        correction, error = refused
        status = STATUS[type(error)]
        context |= {
            "refused": correction,
            "problem": replace(error.problem, mend=MENDS_FOR_PEOPLE.get(error.code, error.mend)),
            "status": status,
            "can_force": isinstance(error, LearningWorsened),
        }
    return Template("pages/review.html" if whole else "fragments/review.html", context=context, status_code=status)
