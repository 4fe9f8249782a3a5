"""The engine's models under /api/models: which there are, which are in memory, and what is to be done with them."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from litestar import Controller, get, post
from litestar.params import QueryParameter
from msgspec import Meta, Struct

from mdsa_server.chat.desk import options_of
from mdsa_server.errors import LineFull, MdsaError, ModelInUse, NoRoom, UnknownModel
from mdsa_server.evaluation.recorded import RecordedTurn, recorded_turns
from mdsa_server.vocabulary.models import EngineStatus
from mdsa_server.web.api.operations import ENGINE, EVENTS, TOO_LARGE, fails, like, streams
from mdsa_server.web.bodies import BodyReader
from mdsa_server.web.model_table import ModelRow, model_rows
from mdsa_server.web.rooms import InRooms, Rooms
from mdsa_server.web.streams import EventStream
from mdsa_server.web.texts import not_blank

KNOWING = (*ENGINE, UnknownModel)
ADMITTING = (*KNOWING, LineFull, NoRoom)


class ModelList(Struct, frozen=True, kw_only=True):
    engine: EngineStatus
    default_model: str | None
    """What answers for domains that name no model; null while it is not known."""
    models: list[ModelRow]


class ModelLog(Struct, frozen=True, kw_only=True):
    turns: list[RecordedTurn]
    """In order of arrival."""


class ModelName(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=300)]


NamedModel = Annotated[ModelName, like(name="llama3.2:1b")]


class ModelController(Controller):
    """What the engine has, and what of it is in memory."""

    path = "/api/models"
    tags = ("models",)
    opt = {"scope": "admin"}  # noqa: RUF012  # Litestar reads it so
    request_class = BodyReader

    @get("/", operation_id="ListModels", opt={"scope": "monitor"}, responses=fails(*ENGINE))
    async def models(self, rooms: InRooms) -> ModelList:
        """List the engine's models; none while there is no engine."""
        engine = rooms.engine
        rows = await model_rows(engine, rooms.keeper)
        return ModelList(engine=engine.status, default_model=engine.default_model_name, models=rows)

    @post(
        "/pull",
        operation_id="PullModel",
        status_code=200,
        media_type=EVENTS,
        responses=fails(TOO_LARGE) | streams("`progress` events, then `done` or `problem`."),
    )
    async def pull_model(self, data: NamedModel, rooms: InRooms) -> EventStream:
        """Have the engine fetch a model; a stream of `progress` events, then `done` or `problem`."""
        name = not_blank("name", data.name, "Name a model, such as llama3.2:1b.")
        return EventStream(_pull_frames(rooms, name))

    @get("/log", operation_id="ModelLog", opt={"scope": "monitor"}, responses=fails())
    async def log(self, rooms: InRooms, days: Annotated[float, QueryParameter(gt=0, le=3650)] = 7.0) -> ModelLog:
        """Tell which models the turns of the last days wanted, and what they waited for; for `mdsa simulate`."""
        since = datetime.now(UTC) - timedelta(days=days)
        stories = await rooms.turn_log.stories(since)
        return ModelLog(turns=await asyncio.to_thread(recorded_turns, stories))

    @post("/load", operation_id="LoadModel", status_code=204, responses=fails(*ADMITTING, TOO_LARGE))
    async def load_model(self, data: NamedModel, rooms: InRooms) -> None:
        """Bring a model into memory, with the options of the first domain that names it; answers when it is there."""
        await rooms.keeper.load(data.name, options_of(data.name, rooms.live_turns.desk.team.domains.values()))

    @post("/unload", operation_id="UnloadModel", status_code=204, responses=fails(*KNOWING, ModelInUse, TOO_LARGE))
    async def unload_model(self, data: NamedModel, rooms: InRooms) -> None:
        """Take a model out of memory; one that turns are using stays."""
        await rooms.keeper.unload(data.name)

    @post("/pin", operation_id="PinModel", status_code=204, responses=fails(*KNOWING, TOO_LARGE))
    async def pin_model(self, data: NamedModel, rooms: InRooms) -> None:
        """Bring a model into memory and keep it there, until the server is started again."""
        await rooms.keeper.pin(data.name, options_of(data.name, rooms.live_turns.desk.team.domains.values()))

    @post("/unpin", operation_id="UnpinModel", status_code=204, responses=fails(*KNOWING, TOO_LARGE))
    async def unpin_model(self, data: NamedModel, rooms: InRooms) -> None:
        """Let a model go again when its place is needed."""
        await rooms.keeper.unpin(data.name)


async def _pull_frames(rooms: Rooms, name: str) -> AsyncGenerator[bytes, None]:
    try:
        async for progress in rooms.engine.client.pull(name):
            yield b"event: progress\ndata: %b\n\n" % msgspec.json.encode(progress)
    except MdsaError as error:
        yield b"event: problem\ndata: %b\n\n" % msgspec.json.encode(error.problem)
    else:
        rooms.keeper.models_changed()
        yield b"event: done\ndata: {}\n\n"
