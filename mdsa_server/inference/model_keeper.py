"""Keeps models in memory and gives leases on them: carries out what `residency.py` plans."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import structlog

from mdsa_server.errors import EngineError, InvalidRequest, MdsaError, UnknownModel
from mdsa_server.inference.engine import Engine
from mdsa_server.inference.engine_memory import DEFAULT_CONTEXT, EngineMemory, Held, Loads
from mdsa_server.inference.lease import Lease, Ticket, line_full, no_room, waiting_turns
from mdsa_server.inference.loading_ahead import LoadingAhead
from mdsa_server.inference.model_mover import ModelMover
from mdsa_server.inference.ollama import OllamaClient
from mdsa_server.inference.residency import Limits, Prefer, Swap, Unit, Waiting, choose, plan
from mdsa_server.vocabulary.domain import ModelOptions
from mdsa_server.vocabulary.model_options import runner_options
from mdsa_server.vocabulary.models import ModelUse, WaitingTurns

log = structlog.get_logger(__name__)

Spawn = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]

# How often to see what is in memory while models are: others load and unload too.
LOOK_SECONDS = 5.0
CLOSE_SECONDS = 3.0


class ModelKeeper:
    """One for the engine. What it knows of the engine's memory it has from the engine."""

    def __init__(
        self,
        engine: Engine,
        *,
        limits: Limits,
        max_line: int,
        prefer: Prefer,
        worth: float,
        keep_alive: float,
        pinned: Iterable[str],
        preload: Mapping[str, ModelOptions],
        spawn: Spawn,
    ) -> None:
        """`worth`: for `prefer` "balanced", the seconds of loading that a less preferred model is taken for.

        `keep_alive` is in seconds, below 0 for ever; `preload` has what is loaded ahead, pinned or not, with options.
        """
        self.engine = engine
        self._memory = EngineMemory(keep_alive=keep_alive, pinned=pinned)
        self._mover = ModelMover(engine, self._memory)
        self._limits = limits
        self._max_line = max_line
        self._prefer = prefer
        self._worth = worth
        self._ahead = LoadingAhead(self._memory, self.load, preload)
        self._spawn = spawn
        self._line: list[Ticket] = []
        self._numbers = count()
        self._timer: asyncio.TimerHandle | None = None

    # --- leases

    @asynccontextmanager
    async def lease(self, models: Sequence[str], options: ModelOptions) -> AsyncIterator[Lease]:
        """Lease one of `models`, in order of preference, with `options`.

        Raises NoEngine, EngineError, UnknownModel, LineFull; the lease's `admission` raises more.
        """
        client = await self._known_engine()
        ticket: Ticket | None = None
        try:
            ticket = await self._choose(client, models, options)
            self._enter(ticket)
            yield Lease(self, ticket, models[0] if len(models) > 1 else None)
        except EngineError:
            self._mover.doubt()  # Before those behind are admitted to it.
            raise
        except UnknownModel:
            # It may have been the default, and deleted since.
            self.models_changed()
            raise
        finally:
            if ticket is not None:
                self._leave(ticket)

    def context(self, ticket: Ticket) -> int:
        """Give the context of an admitted turn's model, in tokens."""
        return (ticket.held.context if ticket.held else None) or DEFAULT_CONTEXT

    def keep_alive(self, ticket: Ticket) -> float:
        """Give the keep_alive to send with a turn, in seconds."""
        return self._memory.keep_alive(ticket.waiting.unit.weights)

    def options_in_memory(self, model: str) -> ModelOptions | None:
        """Give the options with which a lease on a model would load nothing; None where it is not in memory."""
        return self._memory.options_of(model)

    def loaded_unasked(self, ticket: Ticket, seconds: float) -> None:
        """Take down a load that an answer had to wait for; of several that waited for it, the first tells."""
        weights = ticket.waiting.unit.weights
        if self._memory.loads.get(weights, Loads()).last < ticket.admitted_at:
            self._memory.loaded(weights, seconds)
            log.info("engine loaded a model by itself", model=ticket.model, seconds=round(seconds, 2))
        self._mover.doubt()

    # --- what people ask for

    async def pin(self, model: str, options: ModelOptions) -> None:
        """Bring a model into memory, and keep it there. Raises InvalidRequest, and as a lease does."""
        client = await self._known_engine()
        weights = await self._memory.weights.of(client, model)
        if (pinned := self._memory.pinned_beside(weights)) + 1 >= self._limits.max_models:
            raise InvalidRequest(
                f"{pinned + 1} models would be pinned, and one of the {self._limits.max_models} places in memory must "
                "stay free for the others",
                "Unpin a model, or raise [residency] max_models.",
            )
        if not any(held.slot.phase != "leaving" for held in self._memory.of(weights)):
            await self.load(model, options)
        self._memory.pin(model, weights)
        self._ahead.add(model, options)
        await self._mover.tell_keep_alive(weights)

    async def unpin(self, model: str) -> None:
        """Let a model go again when its place is needed. Raises InvalidRequest, EngineError, UnknownModel."""
        client = await self._known_engine()
        weights = await self._memory.weights.of(client, model)
        if not self._memory.is_pinned(weights):
            raise InvalidRequest(f"{model} is not pinned", "mdsa models lists those that are.")
        self._memory.unpin(weights)
        await self._mover.tell_keep_alive(weights)

    async def load(self, model: str, options: ModelOptions) -> None:
        """Bring a model into memory, in its turn. Raises as a lease does."""
        async with self.lease([model], options) as lease:
            async for _ in lease.admission(time.monotonic):
                pass

    async def unload(self, model: str) -> None:
        """Take a model out of memory. Raises InvalidRequest, ModelInUse, UnknownModel, EngineError."""
        client = await self._known_engine()
        weights = await self._memory.weights.of(client, model)
        await self.look()
        if not self._memory.of(weights):
            raise InvalidRequest(f"{model} is not in memory", "mdsa models lists what is.")
        try:
            await self._mover.unload(model, weights)
        finally:
            self._pump()

    async def uses(self, models: Iterable[str]) -> Mapping[str, ModelUse]:
        """Tell of each named model how it is used. Raises EngineError, UnknownModel."""
        client = await self._known_engine()
        waiting = Counter(ticket.waiting.unit.weights for ticket in self._line)
        weights = {model: await self._memory.weights.of(client, model) for model in models}
        return {model: self._memory.use(model, known, waiting[known]) for model, known in weights.items()}

    def waiting(self) -> tuple[WaitingTurns, ...]:
        """Tell who stands in line, model by model, those that have waited longest first."""
        return waiting_turns(self._line, time.monotonic())

    @property
    def loads(self) -> Mapping[str, Loads]:
        """What loading each model has cost since the server started, by weights."""
        return self._memory.loads

    def models_changed(self) -> None:
        """Ask the engine anew which models it has: one was fetched or deleted."""
        self._memory.forget_names()
        self._mover.doubt()
        self.engine.forget_default_model()

    async def watch(self) -> None:
        """Load ahead, then see now and then what others have loaded and unloaded, for as long as the server runs."""
        while True:
            await self._ahead.tend(self.engine.client if self.engine.status.problem is None else None)
            await asyncio.sleep(LOOK_SECONDS)
            if self.engine.status.problem is None:
                try:
                    await self.look()
                except EngineError as error:
                    log.debug("engine not looked at", reason=error.detail)

    async def close(self) -> None:
        """Have pinned models expire as others do, now that nobody is there to unpin them."""
        self._memory.unpin_all()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                for weights in {held.slot.unit.weights for held in self._memory.held.values()}:
                    await self._mover.tell_keep_alive(weights)
        except (MdsaError, TimeoutError) as error:
            log.debug("models keep what they were told last", reason=str(error))

    async def look(self, *, again: bool = True) -> None:
        """See what is in the engine's memory; not `again` where that is known. Raises NoEngine, EngineError."""
        try:
            await self._mover.look(again=again)
        finally:
            self._pump()

    async def _known_engine(self) -> OllamaClient:
        client = self.engine.client
        # A move ends with a look of its own; who waits for that stands in the line, where it can be seen.
        if not self._mover.sure and not self._mover.moving:
            await self.look(again=False)
        return client

    # --- the line

    async def _choose(self, client: OllamaClient, models: Sequence[str], options: ModelOptions) -> Ticket:
        memory, runner = self._memory, tuple(sorted(runner_options(options).items()))
        tickets: dict[int, Ticket] = {}
        for model in models:
            try:
                details = memory.weights.known(model) or await memory.weights.details(client, model)
            except UnknownModel:
                if tickets or model != models[-1]:
                    continue  # Another may do.
                raise
            unit = Unit(details.weights, runner)
            waiting = Waiting(
                ticket=next(self._numbers),
                unit=unit,
                since=time.monotonic(),
                load_seconds=memory.expected(unit.weights, model),
                size=memory.size(unit, model),
            )
            tickets[waiting.ticket] = Ticket(waiting, model, options, details)
        slots = [held.slot for held in memory.held.values()]
        chosen = choose([ticket.waiting for ticket in tickets.values()], slots, self._prefer, self._worth)
        return tickets[chosen.ticket]

    def _enter(self, ticket: Ticket) -> None:
        self._line.append(ticket)
        self._pump()
        ahead = sum(other.waiting.unit == ticket.waiting.unit for other in self._line if other is not ticket)
        if ticket in self._line and ahead >= self._max_line:
            self._line.remove(ticket)
            raise line_full(ticket.model, ahead)

    def _leave(self, ticket: Ticket) -> None:
        held = ticket.held
        if ticket in self._line:
            self._line.remove(ticket)
        # What was held of an engine that is another by now is not there to be given back.
        elif held is not None and held is self._memory.held.get(ticket.waiting.unit):
            held.used(time.monotonic(), held.slot.in_use - 1)
            if ticket.asked:
                self._memory.let_go(held)
        self._pump()

    def _pump(self) -> None:
        """Plan anew, and do what can be done at once."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._line = [ticket for ticket in self._line if ticket.error is None]
        now = time.monotonic()
        slots = [held.slot for held in self._memory.held.values()]
        todo = plan([ticket.waiting for ticket in self._line], slots, self._limits, now)
        tickets = {ticket.waiting.ticket: ticket for ticket in self._line}
        for number in todo.admit:
            held = self._memory.held[tickets[number].waiting.unit]
            held.used(now, held.slot.in_use + 1)
            tickets[number].admit(held, now)
        for place, (number, why) in enumerate(todo.waits.items(), 1):
            if why == "pinned":
                tickets[number].refuse(no_room(tickets[number].model, self._limits))
            tickets[number].told(place, why)
        self._line = [ticket for ticket in self._line if ticket.held is None and ticket.error is None]
        if todo.swap is not None and not self._mover.moving:
            self._begin(todo.swap)
        elif todo.wake_at is not None:
            self._timer = asyncio.get_running_loop().call_later(max(todo.wake_at - now, 0), self._pump)

    def _begin(self, swap: Swap) -> None:
        held = self._memory.held
        ticket = next(ticket for ticket in self._line if ticket.waiting.unit == swap.load)
        leaving = [held[unit] for unit in swap.unload]
        for one in leaving:
            one.slot = replace(one.slot, phase="leaving")
        slot = replace(self._memory.new_slot(swap.load, ticket.waiting.size), phase="loading")
        coming = held[swap.load] = Held(slot, ticket.model, ticket.options)
        self._spawn(self._carry_out(coming, leaving, ticket.options), f"load {ticket.model}")

    async def _carry_out(self, coming: Held, leaving: Sequence[Held], options: ModelOptions) -> None:
        """Swap; whoever waits for what cannot be loaded is told why."""
        if error := await self._mover.swap(coming, leaving, options):
            for ticket in self._line:
                if ticket.waiting.unit == coming.slot.unit:
                    ticket.refuse(error)
        self._pump()
