"""A lease on a model: first a ticket in the line, then the right to use the model."""

import asyncio
import math
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from mdsa_server.errors import LineFull, MdsaError, NoRoom
from mdsa_server.inference.chat_lines import ChatChunk
from mdsa_server.inference.engine import Engine
from mdsa_server.inference.engine_memory import Held
from mdsa_server.inference.ollama import OllamaClient
from mdsa_server.inference.residency import Limits, Waiting, Why
from mdsa_server.vocabulary.domain import ModelOptions
from mdsa_server.vocabulary.events import ModelChosen, ModelLoading, ModelWaiting
from mdsa_server.vocabulary.models import ModelDetails, WaitingTurns
from mdsa_server.vocabulary.stopwatch import Stopwatch

# An engine that finds a model in memory says that it loaded it within some hundredths of a second.
LOADED_SECONDS = 0.5


@dataclass(eq=False)
class Ticket:
    """A turn's place in the line, until it is admitted or refused."""

    waiting: Waiting
    model: str
    options: ModelOptions
    details: ModelDetails
    held: Held | None = None
    """What it was admitted to."""
    admitted_at: float = math.inf
    """On the monotonic clock."""
    error: MdsaError | None = None
    asked: bool = False
    """The engine was asked to answer, and told for how long to keep the model."""
    place: int = 0
    """1 is next."""
    why: Why = "another loads"
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def told(self, place: int, why: Why) -> None:
        """Take down where the turn stands."""
        if (self.place, self.why) != (place, why):
            self.place, self.why = place, why
            self.changed.set()

    def admit(self, held: Held, now: float) -> None:
        self.held = held
        self.admitted_at = now
        self.changed.set()

    def refuse(self, error: MdsaError) -> None:
        self.error = error
        self.changed.set()


class Admitting(Protocol):
    """What a lease asks of its keeper."""

    @property
    def engine(self) -> Engine: ...

    def context(self, ticket: Ticket) -> int: ...

    def keep_alive(self, ticket: Ticket) -> str | float: ...

    def loaded_unasked(self, ticket: Ticket, seconds: float) -> None: ...


class Lease:
    """The right to use a model, once `admission` has run out."""

    def __init__(self, keeper: Admitting, ticket: Ticket, preferred: str | None) -> None:
        self._keeper = keeper
        self._ticket = ticket
        self._preferred = preferred
        self.model = ticket.model
        """The model to ask, by name."""
        self.options = ticket.options
        self.details = ticket.details
        """What the model can do."""
        self.load_seconds = 0.0
        """How long the turn saw its model being loaded; once admitted."""

    @property
    def client(self) -> OllamaClient:
        """The engine to ask. It may be another than when the turn entered the line. Raises NoEngine."""
        return self._keeper.engine.client

    @property
    def context(self) -> int:
        """Tokens that the loaded model holds; once admitted."""
        return self._keeper.context(self._ticket)

    @property
    def keep_alive(self) -> str | float:
        """What to send along, so that the engine keeps models as the keeper does."""
        self._ticket.asked = True
        return self._keeper.keep_alive(self._ticket)

    async def admission(self, clock: Stopwatch) -> AsyncIterator[ModelChosen | ModelWaiting | ModelLoading]:
        """Tell what was chosen and what is waited for, until the model may be asked.

        Raises NoRoom, EngineError, UnknownModel.
        """
        ticket = self._ticket
        if self._preferred is not None:
            yield ModelChosen(at=clock(), model=self.model, preferred=self._preferred)
        told: object = None
        loading_since: float | None = None
        while ticket.held is None and ticket.error is None:
            loading = ticket.why == "loading"
            if told != (now := "loading" if loading else ticket.place):
                told = now
                if loading_since is not None:
                    self.load_seconds += clock() - loading_since
                loading_since = clock() if loading else None
                yield (
                    ModelLoading(at=clock(), model=self.model)
                    if loading
                    else ModelWaiting(at=clock(), model=self.model, place=ticket.place, reason=ticket.why)
                )
            await ticket.changed.wait()
            ticket.changed.clear()
        if ticket.error is not None:
            raise ticket.error
        if loading_since is not None:
            self.load_seconds += clock() - loading_since

    def answered(self, last: ChatChunk) -> None:
        """Learn from an answer's closing line: where the engine had to load, somebody else had unloaded."""
        if last.load_seconds >= LOADED_SECONDS:
            self._keeper.loaded_unasked(self._ticket, last.load_seconds)


def no_room(model: str, limits: Limits) -> NoRoom:
    """Make the error of a turn whose model can never come, because what is pinned takes too much."""
    memory = f", or its {limits.max_memory / 1e9:.1f} GB" if limits.max_memory else ""
    return NoRoom(
        f"{model!r} has no place in memory: pinned models take all {limits.max_models} places{memory}",
        "Unpin one (mdsa models unpin NAME), or raise the limits in [residency].",
    )


def line_full(model: str, ahead: int) -> LineFull:
    """Make the error of a turn that comes when too many wait for its model."""
    return LineFull(f"{ahead} turns wait for {model!r} already", "Try again in a while, or raise [residency] max_line.")


def waiting_turns(line: Iterable[Ticket], now: float) -> tuple[WaitingTurns, ...]:
    """Tell of each model that is waited for how many turns do, and for how long; `line` is in order of arrival."""
    by_model: dict[str, list[Ticket]] = {}
    for ticket in line:
        by_model.setdefault(ticket.model, []).append(ticket)
    return tuple(
        WaitingTurns(model=model, turns=len(tickets), seconds=now - tickets[0].waiting.since)
        for model, tickets in by_model.items()
    )
