"""The page of the monitor: what happens now and what happened, kept up to date by one stream a page."""

from collections.abc import Sequence
from typing import Any, Literal

from litestar import Controller, Request, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template

from mdsa_server.chat.desk import options_of
from mdsa_server.errors import InvalidRequest
from mdsa_server.monitor.history import Window
from mdsa_server.web.feed import Section
from mdsa_server.web.pages.monitor_view import MonitorView
from mdsa_server.web.pages.surroundings import surroundings
from mdsa_server.web.rooms import InRooms, Rooms
from mdsa_server.web.streams import EventStream
from mdsa_server.web.texts import not_blank

AnyRequest = Request[Any, Any, Any]
Verb = Literal["load", "unload", "pin", "unpin"]

# What an engine that does not answer may hold the page up, and a frame of its stream.
PAGE_SECONDS = 2.0
FRAME_SECONDS = 0.1
MODEL_CHARS = 300


class MonitorPages(Controller):
    """The monitor, its stream, and what its buttons do."""

    path = "/monitor"
    opt = {"scope": "monitor"}  # noqa: RUF012  # Litestar reads it so
    include_in_schema = False

    @get("/")
    async def page(self, rooms: InRooms, window: FromQuery[Window] = "15m") -> Template:
        """Show everything of one window."""
        shown = await MonitorView(rooms, window).page(await rooms.models.known(PAGE_SECONDS))
        return Template("pages/monitor.html", context=surroundings(rooms, "monitor") | shown)

    @get("/stream")
    async def stream(self, rooms: InRooms, request: AnyRequest, window: FromQuery[Window] = "15m") -> EventStream:
        """Show what changes, to all who watch the same window from one making."""
        view, app = MonitorView(rooms, window), request.app

        async def look() -> Sequence[Section]:
            return await view.sections(app, await rooms.models.known(FRAME_SECONDS))

        return EventStream(rooms.feeds.of(window, look).follow())

    @post("/models/{verb:str}", operation_id="ChangeModel", opt={"scope": "admin"}, status_code=200)
    async def change_model(
        self, rooms: InRooms, request: AnyRequest, verb: FromPath[Verb], window: FromQuery[Window] = "15m"
    ) -> Template | Redirect:
        """Load, unload, pin or unpin the model that is named; a plain form is led back to the page."""
        name = (await request.form()).get("name")
        if not isinstance(name, str) or len(name) > MODEL_CHARS:
            raise InvalidRequest("name: this is no model's name", "Send the name of an installed model.")
        await _change(rooms, verb, not_blank("name", name, "Send the name of an installed model."))
        if not request.headers.get("hx-request"):
            return Redirect(f"/monitor?window={window}#models", status_code=303)
        models = await rooms.models.known(PAGE_SECONDS, fresh=0)
        return Template("fragments/monitor/model_changed.html", context={"models": models, "window": window})


async def _change(rooms: Rooms, verb: Verb, model: str) -> None:
    """Raises as the keeper does."""
    keeper, options = rooms.keeper, options_of(model, rooms.live_turns.desk.team.domains.values())
    match verb:
        case "load":
            await keeper.load(model, options)
        case "unload":
            await keeper.unload(model)
        case "pin":
            await keeper.pin(model, options)
        case "unpin":
            await keeper.unpin(model)
