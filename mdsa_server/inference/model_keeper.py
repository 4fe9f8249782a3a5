"""Leases on models: a turn holds one while the engine generates for it."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from mdsa_server.errors import UnknownModel
from mdsa_server.inference.engine import Engine
from mdsa_server.inference.ollama import OllamaClient
from mdsa_server.vocabulary.domain import ModelOptions
from mdsa_server.vocabulary.events import ModelLoading, ModelWaiting
from mdsa_server.vocabulary.stopwatch import Stopwatch

# How long after its last use a model is believed to be resident without asking the engine again.
BELIEF_SECONDS = 20.0
# Ollama's own default, for servers that are too old to say how large a context they loaded.
DEFAULT_CONTEXT = 4096


@dataclass
class Belief:
    """What is held to be true of a resident model until `until` (`time.monotonic()`)."""

    context: int
    until: float


class Lease:
    """The right to use a model, once `admission` has run out."""

    def __init__(self, keeper: "ModelKeeper", client: OllamaClient, model: str, options: ModelOptions) -> None:
        self._keeper = keeper
        self.client = client
        self.model = model
        """The model to ask, by name."""
        self.options = options
        self.keep_alive = keeper.keep_alive
        self.context = 0
        """Tokens that the loaded model holds; known once admitted."""

    async def admission(self, clock: Stopwatch) -> AsyncIterator[ModelWaiting | ModelLoading]:
        """Tell what is waited for, until the model may be asked. Raises EngineError, UnknownModel."""
        belief = self._keeper.belief(self)
        if belief is None:
            resident = await self._keeper.resident_context(self)
            if resident is None:
                yield ModelLoading(at=clock(), model=self.model)
                await self.client.load(self.model, options=self.options, keep_alive=self.keep_alive)
                resident = await self._keeper.resident_context(self) or DEFAULT_CONTEXT
            belief = self._keeper.believe(self, resident)
        self.context = belief.context


class ModelKeeper:
    """Gives leases at once and lets the engine evict as it sees fit."""

    def __init__(self, engine: Engine, *, keep_alive: str | float) -> None:
        self.engine = engine
        self.keep_alive = keep_alive
        """As sent to the engine: seconds, or a duration such as `5m`."""
        self._beliefs: dict[tuple[str, str, str], Belief] = {}

    @asynccontextmanager
    async def lease(self, model: str, options: ModelOptions) -> AsyncIterator[Lease]:
        """Lease `model` with its runner options. Raises NoEngine."""
        lease = Lease(self, self.engine.client, model, options)
        try:
            yield lease
        except BaseException as error:
            self._beliefs.pop(_key(lease), None)
            if isinstance(error, UnknownModel):
                # It may have been the default, and deleted since.
                self.engine.forget_default_model()
            raise
        self.believe(lease, lease.context)

    def belief(self, lease: Lease) -> Belief | None:
        """Give what is believed of the lease's model; None where the engine has to be asked."""
        belief = self._beliefs.get(_key(lease))
        return belief if belief and belief.until > time.monotonic() else None

    def believe(self, lease: Lease, context: int) -> Belief:
        """Take the lease's model to be resident from now on, with `context` tokens."""
        belief = Belief(context, time.monotonic() + BELIEF_SECONDS)
        self._beliefs[_key(lease)] = belief
        return belief

    async def resident_context(self, lease: Lease) -> int | None:
        """Ask the engine: the context of the lease's model, in tokens; None where it is not resident."""
        names = {lease.model, f"{lease.model}:latest"}
        for resident in await lease.client.resident():
            if resident.name in names:
                asked = lease.options.get("num_ctx")
                return resident.context_length or (asked if isinstance(asked, int) else DEFAULT_CONTEXT)
        return None


def _key(lease: Lease) -> tuple[str, str, str]:
    return lease.client.url, lease.model, str(lease.options.get("num_ctx"))
