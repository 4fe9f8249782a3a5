"""The engine's models as the API and the pages show them: what is installed, what of it is in memory, and its use."""

import asyncio
import time

from msgspec import Struct

from mdsa_server.chat.saving import Spawn
from mdsa_server.errors import MdsaError
from mdsa_server.inference.engine import Engine
from mdsa_server.inference.model_keeper import ModelKeeper
from mdsa_server.vocabulary.models import InstalledModel, ModelUse, ResidentModel

# How old may be what is shown while somebody watches.
FRESH_SECONDS = 1.0


class ModelRow(Struct, frozen=True, kw_only=True):
    """An installed model, and its place in memory if it has one."""

    installed: InstalledModel
    resident: ResidentModel | None
    use: ModelUse


class KnownModels(Struct, frozen=True, kw_only=True):
    """The models as they were a moment ago, those in memory first."""

    rows: tuple[ModelRow, ...] = ()
    problem: str = ""
    """Why there are none, or no newer ones."""


async def model_rows(engine: Engine, keeper: ModelKeeper) -> list[ModelRow]:
    """List the engine's models; none while there is no engine. Raises EngineError, UnknownModel."""
    if engine.status.problem is not None:
        return []
    resident = {model.name: model for model in await engine.client.resident()}
    installed = await engine.client.installed()
    uses = await keeper.uses([model.name for model in installed])
    return [ModelRow(installed=model, resident=resident.get(model.name), use=uses[model.name]) for model in installed]


class ModelTable:
    """Asks the engine for its models no more often than is needed, for whoever wants to see them."""

    def __init__(self, engine: Engine, keeper: ModelKeeper, spawn: Spawn) -> None:
        self._engine = engine
        self._keeper = keeper
        self._spawn = spawn
        self._known = KnownModels()
        self._asked_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    async def known(self, patience: float, *, fresh: float = FRESH_SECONDS) -> KnownModels:
        """Give the models, no older than `fresh` seconds unless the engine takes more than `patience` to tell them."""
        if self._asking is None and time.monotonic() - self._asked_at >= fresh:
            self._asking = self._spawn(self._ask(), "model table")
        if self._asking is not None:
            await asyncio.wait([self._asking], timeout=patience)
        return self._known

    async def _ask(self) -> None:
        try:
            rows = await model_rows(self._engine, self._keeper)
        except MdsaError as error:
            self._known = KnownModels(rows=self._known.rows, problem=error.detail)
        else:
            rows.sort(key=lambda row: (row.resident is None, row.installed.name))
            self._known = KnownModels(rows=tuple(rows), problem=self._engine.status.problem or "")
        finally:
            self._asked_at, self._asking = time.monotonic(), None
