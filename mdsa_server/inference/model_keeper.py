"""Leases on models: a turn holds one while the engine generates for it."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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

Key = tuple[str, str, str]
"""An engine, a model and the `num_ctx` asked for."""


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
        keeper = self._keeper
        if not keeper.believes(self):
            resident = await keeper.resident_context(self)
            if resident is None or resident != keeper.given_context(self):
                yield ModelLoading(at=clock(), model=self.model)
                # Where the model is resident with just these options, the engine answers at once.
                await self.client.load(self.model, options=self.options, keep_alive=self.keep_alive)
                keeper.loaded(self, await keeper.resident_context(self) or DEFAULT_CONTEXT)
            keeper.believe(self)
        self.context = keeper.given_context(self) or DEFAULT_CONTEXT


class ModelKeeper:
    """Gives leases at once and lets the engine evict as it sees fit."""

    def __init__(self, engine: Engine, *, keep_alive: str | float) -> None:
        self.engine = engine
        self.keep_alive = keep_alive
        """As sent to the engine: seconds, or a duration such as `5m`."""
        self._believed_until: dict[Key, float] = {}
        """By `time.monotonic()`: that a model is resident as a lease wants it."""
        self._given: dict[Key, int] = {}
        """The context that the engine gave when it loaded: where `num_ctx` is more than the model can, less."""

    @asynccontextmanager
    async def lease(self, model: str, options: ModelOptions) -> AsyncIterator[Lease]:
        """Lease `model` with its runner options. Raises NoEngine."""
        lease = Lease(self, self.engine.client, model, options)
        try:
            yield lease
        except BaseException as error:
            self._believed_until.pop(_key(lease), None)
            if isinstance(error, UnknownModel):
                # It may have been the default, and deleted since.
                self.engine.forget_default_model()
            raise
        self.believe(lease)

    def believes(self, lease: Lease) -> bool:
        """Whether the lease's model is resident for all that is known; False where the engine has to be asked."""
        return self._believed_until.get(_key(lease), 0.0) > time.monotonic()

    def believe(self, lease: Lease) -> None:
        """Take the lease's model to be resident from now on."""
        self._believed_until[_key(lease)] = time.monotonic() + BELIEF_SECONDS

    def loaded(self, lease: Lease, context: int) -> None:
        """Take down a load: the model has `context` tokens now, and however it was loaded before is past."""
        for key in [key for key in self._believed_until if key[:2] == _key(lease)[:2]]:
            del self._believed_until[key]
        self._given[_key(lease)] = context

    def given_context(self, lease: Lease) -> int | None:
        """Give the context, in tokens, that the lease's model has once it is loaded; None before it ever was."""
        return self._given.get(_key(lease))

    async def resident_context(self, lease: Lease) -> int | None:
        """Ask the engine: the context of the lease's model, in tokens; None where it is not resident."""
        names = {lease.model, f"{lease.model}:latest"}
        for resident in await lease.client.resident():
            if resident.name in names:
                # Servers before 0.9.1 do not tell the context: then it is what was asked for.
                asked = lease.options.get("num_ctx")
                return resident.context_length or (asked if isinstance(asked, int) else DEFAULT_CONTEXT)
        return None


def _key(lease: Lease) -> Key:
    return lease.client.url, lease.model, str(lease.options.get("num_ctx"))
