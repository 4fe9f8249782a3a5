"""Loads models before anybody asks for them: what is preloaded once, and what is pinned whenever it was lost."""

import math
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping

import structlog

from mdsa_server.errors import MdsaError
from mdsa_server.inference.engine_memory import EngineMemory
from mdsa_server.inference.ollama import OllamaClient
from mdsa_server.vocabulary.domain import ModelOptions

log = structlog.get_logger(__name__)

Load = Callable[[str, ModelOptions], Awaitable[None]]

# How long a model that could not be loaded is left alone.
TRY_AGAIN_SECONDS = 60.0


class LoadingAhead:
    """Knows what is loaded ahead, by name with its options, and when that failed last."""

    def __init__(self, memory: EngineMemory, load: Load, models: Mapping[str, ModelOptions]) -> None:
        self._memory = memory
        self._load = load
        self._models = dict(models)
        self._failed: dict[str, float] = {}
        self._done_on: OllamaClient | None = None

    def add(self, model: str, options: ModelOptions) -> None:
        """Load a model that was pinned again, should it be lost."""
        self._models[model] = options

    async def tend(self, client: OllamaClient | None) -> None:
        """Load everything on an engine that is seen anew, and on it again what was lost; None where none answers."""
        if client is not None:
            if client is not self._done_on:
                self._done_on = client
                await self.load_all()
            await self.load_lost()
        else:
            self._done_on = None  # It may come back with nothing in its memory.

    async def load_all(self) -> None:
        """Load everything, one after the other; what cannot be loaded is logged."""
        await self._try(self._models)

    async def load_lost(self) -> None:
        """Load the pinned models that are not in memory, unless that failed a while ago."""
        late = time.monotonic() - TRY_AGAIN_SECONDS
        lost = [name for name, weights in self._memory.pins.items() if weights and not self._memory.of(weights)]
        await self._try([name for name in lost if self._failed.get(name, -math.inf) < late])

    async def _try(self, models: Iterable[str]) -> None:
        for model in [*models]:
            try:
                await self._load(model, self._models.get(model, {}))
            except MdsaError as error:
                self._failed[model] = time.monotonic()
                log.warning("model not loaded ahead", model=model, reason=error.detail, mend=error.mend)
