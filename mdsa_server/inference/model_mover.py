"""Loads and unloads models, one move at a time, and believes of the outcome what the engine shows."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

import structlog

from mdsa_server.errors import EngineRefused, MdsaError, ModelInUse, UnknownModel
from mdsa_server.inference.engine import Engine
from mdsa_server.inference.engine_memory import EngineMemory, Held
from mdsa_server.inference.ollama import OllamaClient
from mdsa_server.vocabulary.domain import ModelOptions

log = structlog.get_logger(__name__)

# How long an unloaded model may stay in memory, as one does that others use, before another is tried.
UNLOAD_SECONDS = 30.0
# What an engine takes to say that a model is in memory already, with just these options.
FOUND_SECONDS = 0.25
NO_MEMORY = "The engine's own log tells more: there may be too little memory for it."


class ModelMover:
    """Changes the memory of the engine that is in use."""

    def __init__(self, engine: Engine, memory: EngineMemory) -> None:
        self._engine = engine
        self._memory = memory
        self._moving = asyncio.Lock()
        """Held while models are loaded or unloaded, and while the engine's memory is looked at."""
        self._client: OllamaClient | None = None
        self._doubts = 1
        """How often something went wrong; `_seen` is how many of these were before the last look."""
        self._seen = 0

    @property
    def moving(self) -> bool:
        """Whether something is under way; then nothing else may be begun."""
        return self._moving.locked()

    @property
    def sure(self) -> bool:
        """Whether the engine in use was looked at since anything went wrong."""
        return self._seen == self._doubts and self._client is self._engine.client

    def doubt(self) -> None:
        """Something went wrong: look before anything is believed again."""
        self._doubts += 1

    async def look(self, *, again: bool = True) -> None:
        """See what is in the engine's memory; not `again` where it was seen since the last doubt.

        Raises NoEngine, EngineError.
        """
        async with self._moving:
            if not again and self.sure:
                return  # Somebody looked while this one waited.
            await self._look(self._engine.client)

    async def swap(self, coming: Held, leaving: Sequence[Held], options: ModelOptions) -> MdsaError | None:
        """Look, unload, see that it is gone, load. Gives why nothing was loaded, where the engine would not.

        Does nothing where the look shows something else in memory than what the swap was planned for.
        """
        unit, memory = coming.slot.unit, self._memory
        planned = set(memory.held)
        # The same weights are not unloaded first: the engine replaces them, or finds that they are as they should be.
        others = [held for held in leaving if held.slot.unit.weights != unit.weights]
        async with self._moving:
            try:
                client = self._engine.client
                await self._look(client)
                if set(memory.held) != planned or not await self._unload(client, others):
                    memory.held.pop(unit, None)
                    _stay(leaving)
                    await self._look(client)
                    return None
                # Gone, whatever becomes of the load: nobody is admitted to them any more.
                for held in others:
                    memory.held.pop(held.slot.unit, None)
                await self._load(client, coming, options)
                for held in leaving:
                    memory.held.pop(held.slot.unit, None)
                await self._look(client)
                if unit not in memory.held:
                    return EngineRefused(f"The engine loaded {coming.model!r} and dropped it at once.", NO_MEMORY)
            except Exception as error:
                self.doubt()
                memory.held.pop(unit, None)
                _stay(leaving)
                if not isinstance(error, MdsaError):
                    # Nobody foresaw it, and turns wait: they must not wait for ever.
                    log.exception("model not loaded", model=coming.model)
                    return EngineRefused(f"{coming.model!r} could not be loaded.", "The server's log tells why.")
                log.warning("model not loaded", model=coming.model, reason=error.detail, mend=error.mend)
                return error
        return None

    async def unload(self, model: str, weights: str) -> None:
        """Take a model out of memory. Raises ModelInUse, UnknownModel, EngineError."""
        client = self._engine.client
        async with self._moving:
            leaving = [held for held in self._memory.of(weights) if held.slot.phase == "ready"]
            if turns := sum(held.slot.in_use for held in leaving):
                raise ModelInUse(
                    f"{turns} turns are using {model!r}", "Wait until they have ended, or stop them on the chat page."
                )
            for held in leaving:
                held.slot = replace(held.slot, phase="leaving")
            gone = False
            try:
                await client.unload(model)
                gone = await self._memory.until_gone(client, {weights}, UNLOAD_SECONDS)
            finally:
                for held in leaving if gone else ():
                    self._memory.held.pop(held.slot.unit, None)
                _stay(leaving)
                await self._look(client)
            if not gone:
                mend = "Another program uses it: end that, or wait until it has its answer."
                raise ModelInUse(f"{model!r} stays in memory, though the engine was asked to unload it", mend)

    async def tell_keep_alive(self, weights: str) -> None:
        """Have the engine keep what is in memory for as long as it is meant to be kept now. Raises EngineError."""
        for held in self._memory.of(weights):
            if held.slot.phase == "ready" and held.options is not None:
                keep_alive = self._memory.keep_alive(weights)
                await self._engine.client.load(held.model, options=held.options, keep_alive=keep_alive)

    async def _look(self, client: OllamaClient) -> None:
        if client is not self._client:
            self._client = client
            self._memory.forget()
        seen = self._doubts
        await self._memory.look(client)
        self._seen = seen

    async def _unload(self, client: OllamaClient, leaving: Sequence[Held]) -> bool:
        for held in leaving:
            log.info("unloading model", model=held.model)
            with suppress(UnknownModel):  # Deleted since: it goes when its time is up.
                await client.unload(held.model)
        if await self._memory.until_gone(client, {held.slot.unit.weights for held in leaving}, UNLOAD_SECONDS):
            return True
        for held in leaving:
            log.warning("model stays in memory, so others must use it", model=held.model)
            held.used(time.monotonic(), held.slot.in_use)
        return False

    async def _load(self, client: OllamaClient, coming: Held, options: ModelOptions) -> None:
        began, weights = time.monotonic(), coming.slot.unit.weights
        found = len(self._memory.of(weights)) > 1  # Besides what is coming: loaded, nobody knows with which options.
        keep_alive = self._memory.keep_alive(weights, loading=True)
        await client.load(coming.model, options=options, keep_alive=keep_alive)
        now = time.monotonic()
        if now - began >= FOUND_SECONDS or not found:
            self._memory.loaded(weights, now - began)
        expected = self._memory.expected(weights)
        coming.slot = replace(coming.slot, phase="ready", last_used=now, load_seconds=expected)
        log.info("model loaded", model=coming.model, seconds=round(now - began, 2))


def _stay(leaving: Iterable[Held]) -> None:
    """Take what was to leave for what it was; a look tells whether it is still there."""
    for held in leaving:
        held.slot = replace(held.slot, phase="ready")
