"""What is in the engine's memory, as far as the engine says, and what it costs to bring it there."""

import asyncio
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import count

import structlog

from mdsa_server.errors import UnknownModel
from mdsa_server.inference.ollama import OllamaClient
from mdsa_server.inference.residency import ELSEWHERE, Slot, Unit
from mdsa_server.inference.weights import ModelWeights
from mdsa_server.vocabulary.domain import ModelOptions
from mdsa_server.vocabulary.models import ModelUse, ResidentModel

log = structlog.get_logger(__name__)

ASK_AGAIN_SECONDS = 0.05
# Ollama's own default, for servers that are too old to say how large a context they loaded.
DEFAULT_CONTEXT = 4096
# Before the first load: what a disk reads, and what it takes in any case.
BYTES_A_SECOND, LEAST_LOAD_SECONDS = 500e6, 1.0
# The share that earlier loads have in what the next is expected to take, and the last one has the rest.
EARLIER_LOADS = 0.7
# An engine that must evict by itself takes the model with the shortest keep_alive: each use gets a little more.
KEEP_ALIVE_STEP = 1e-4
# Where models are to be dropped as soon as they are idle: the turn that had one loaded is about to use it.
BETWEEN_LOAD_AND_USE_SECONDS = 60.0


@dataclass(eq=False)
class Held:
    """A unit in the engine's memory: what the policy must know of it, and how to speak of it."""

    slot: Slot
    model: str
    options: ModelOptions | None
    """None where somebody else loaded it."""
    context: int | None = None
    """In tokens; None until the engine has shown it."""

    def used(self, now: float, in_use: int) -> None:
        """Take down how many leases are on it now."""
        self.slot = self.slot.used(now, in_use)


@dataclass
class Loads:
    """What loading some weights has cost since the server started."""

    count: int = 0
    seconds: float = 0.0
    expected: float = 0.0
    last: float = -math.inf
    """When the last one was over, on the monotonic clock."""

    def add(self, seconds: float) -> None:
        self.expected = EARLIER_LOADS * self.expected + (1 - EARLIER_LOADS) * seconds if self.count else seconds
        self.count += 1
        self.seconds += seconds


class EngineMemory:
    """The units in one engine's memory. `keep_alive` is in seconds, below 0 for ever."""

    def __init__(self, *, keep_alive: float, pinned: Iterable[str]) -> None:
        self.held: dict[Unit, Held] = {}
        self.weights = ModelWeights()
        self.loads: dict[str, Loads] = {}
        """By weights; they outlive what is in memory."""
        self._keep_alive = keep_alive
        self._pinned = dict.fromkeys(pinned, "")
        """Names, each with its weights once they are known."""
        self._missing: set[str] = set()
        """Pinned models of which was told that the engine does not have them."""
        self._sizes: dict[Unit, int] = {}
        """What units took in memory, in bytes: more than their files, by what their context takes."""
        self._uses = count()

    # --- what the engine says

    async def look(self, client: OllamaClient) -> None:
        """Take over what the engine shows, except of what is on its way in or out. Raises EngineError."""
        rows = await self.resident(client)
        await self._find_pinned(client)
        for unit, held in [(unit, held) for unit, held in self.held.items() if held.slot.phase == "ready"]:
            row = rows.get(unit.weights)
            shown = row.context_length if row else None
            if held.context is None and row is not None:
                held.context = shown or _asked_context(held.options)
            if held.slot.in_use == 0 and (row is None or shown not in (None, held.context)):
                del self.held[unit]
                if row is None:
                    self._tell_of_loss(held)
            else:
                held.slot = replace(held.slot, size=row.size if row else held.slot.size)
                self._sizes[unit] = held.slot.size
        present = {unit.weights for unit in self.held}
        for weights, row in rows.items():
            if weights not in present:
                # Loaded by somebody else, who knows with which options: never what a turn wants, and first to go.
                unit, context = Unit(weights, ELSEWHERE), row.context_length or DEFAULT_CONTEXT
                self.held[unit] = Held(self.new_slot(unit, row.size), row.name, None, context)
        self._repin()

    def _tell_of_loss(self, held: Held) -> None:
        """Log that a model went whose time was not up: what the keeper unloads, it forgets before it looks."""
        slot = held.slot
        if slot.pinned or 0 < self._keep_alive < time.monotonic() - slot.last_used or self._keep_alive == 0:
            log.info("model is in memory no more", model=held.model, pinned=slot.pinned)
        else:
            log.warning(
                "model left memory by itself",
                model=held.model,
                mend="Another program unloaded it, or OLLAMA_MAX_LOADED_MODELS is below [residency] max_models.",
            )

    async def resident(self, client: OllamaClient) -> dict[str, ResidentModel]:
        """Ask the engine for what is in its memory, by weights. Raises EngineError."""
        rows: dict[str, ResidentModel] = {}
        for row in await client.resident():
            try:
                rows[await self.weights.of(client, row.name)] = row
            except UnknownModel:
                rows[row.digest] = row  # Deleted while in memory.
        return rows

    async def until_gone(self, client: OllamaClient, weights: set[str], seconds: float) -> bool:
        """Wait until the engine shows none of these any more; False where that takes too long. Raises EngineError."""
        deadline = time.monotonic() + seconds
        while weights & (await self.resident(client)).keys():
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(ASK_AGAIN_SECONDS)
        return True

    def forget(self) -> None:
        """Know nothing: the engine is another."""
        self.held.clear()
        self.forget_names()

    def forget_names(self) -> None:
        """Ask anew which weights a name means, those of pinned models too."""
        self.weights.forget()
        self._pinned = dict.fromkeys(self._pinned, "")

    # --- what is known of models

    def of(self, weights: str) -> list[Held]:
        """Give what is in memory of some weights."""
        return [held for held in self.held.values() if held.slot.unit.weights == weights]

    def options_of(self, model: str) -> ModelOptions | None:
        """Give the options with which a model is in memory or on its way there; None where it is not."""
        details = self.weights.known(model)
        held = self.of(details.weights) if details else []
        return next((one.options for one in held if one.options is not None and one.slot.phase != "leaving"), None)

    def new_slot(self, unit: Unit, size: int) -> Slot:
        expected = self.expected(unit.weights)
        return Slot(unit=unit, size=size, load_seconds=expected, pinned=self.is_pinned(unit.weights))

    def expected(self, weights: str, model: str = "") -> float:
        """Give the seconds that a load will take: as the last ones did, or as the model's size lets expect."""
        loads = self.loads.get(weights)
        return loads.expected if loads else LEAST_LOAD_SECONDS + self.weights.size(model) / BYTES_A_SECOND

    def size(self, unit: Unit, model: str) -> int:
        """Give the bytes that a unit takes in memory: as it did when it was there, and on disk before that."""
        return max(self._sizes.get(unit, 0), self.weights.size(model))

    def loaded(self, weights: str, seconds: float) -> None:
        """Learn what a load took, that is over now."""
        loads = self.loads.setdefault(weights, Loads())
        loads.add(seconds)
        loads.last = time.monotonic()

    def keep_alive(self, weights: str, *, loading: bool = False) -> float:
        """Give the keep_alive to send, in seconds: a little longer for each use, and for ever where it is pinned.

        `loading` is for a load by itself, which would be none if the model were to be dropped at once.
        """
        if self.is_pinned(weights):
            return -1.0
        if loading and self._keep_alive == 0:
            return BETWEEN_LOAD_AND_USE_SECONDS
        if self._keep_alive <= 0:
            return self._keep_alive
        return self._keep_alive + next(self._uses) * KEEP_ALIVE_STEP

    def let_go(self, held: Held) -> None:
        """Forget what is idle, where the engine was asked to drop it as soon as it is."""
        if held.slot.in_use == 0 and self._keep_alive == 0 and not held.slot.pinned:
            del self.held[held.slot.unit]

    def use(self, model: str, weights: str, waiting: int) -> ModelUse:
        """Tell how a model is used; `waiting` is how many turns stand in line for it."""
        held = self.of(weights)
        used = max((one.slot.last_used for one in held), default=0.0)
        loads = self.loads.get(weights, Loads())
        return ModelUse(
            in_use=sum(one.slot.in_use for one in held),
            waiting=waiting,
            idle_seconds=time.monotonic() - used if used else None,
            pinned=self.is_pinned(weights),
            loads=loads.count,
            load_seconds=loads.seconds,
            expected_load_seconds=self.expected(weights, model),
            # What is loaded anew, with other options, is there twice until it is.
            phase=held[-1].slot.phase if held else None,
        )

    # --- pins

    @property
    def pins(self) -> Mapping[str, str]:
        """The pinned models' names, each with its weights, empty until they are known."""
        return self._pinned

    def unpin_all(self) -> None:
        self._pinned.clear()
        self._repin()

    def is_pinned(self, weights: str) -> bool:
        return weights in self._pinned.values()

    def pinned_beside(self, weights: str) -> int:
        """Count the pinned weights other than these."""
        return len({*self._pinned.values()} - {weights})

    def pin(self, model: str, weights: str) -> None:
        self._pinned[model] = weights
        self._repin()

    def unpin(self, weights: str) -> None:
        self._pinned = {name: known for name, known in self._pinned.items() if known != weights}
        self._repin()

    async def _find_pinned(self, client: OllamaClient) -> None:
        for name in [name for name, weights in self._pinned.items() if not weights]:
            try:
                self._pinned[name] = await self.weights.of(client, name)
            except UnknownModel as error:
                # It stays pinned: it may be fetched later.
                if name not in self._missing:
                    log.warning("pinned model is not there", model=name, mend=error.mend)
                self._missing.add(name)

    def _repin(self) -> None:
        for held in self.held.values():
            held.slot = replace(held.slot, pinned=self.is_pinned(held.slot.unit.weights))


def _asked_context(options: ModelOptions | None) -> int:
    asked = (options or {}).get("num_ctx")
    return asked if isinstance(asked, int) else DEFAULT_CONTEXT
