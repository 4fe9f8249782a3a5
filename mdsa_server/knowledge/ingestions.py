"""Ingestions under way and the last that ended: each goes on whoever leaves, and anyone may follow it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import Any

import structlog

from mdsa_server.errors import MdsaError, ServerClosing, TooManyIngestions, UnknownIngestion
from mdsa_server.knowledge.ingest import Tell
from mdsa_server.knowledge.progress import Progress
from mdsa_server.vocabulary.identifiers import new_id
from mdsa_server.vocabulary.ingestion import AnyIngestionEvent, IngestionFailed
from mdsa_server.vocabulary.problem import CANCELLED, UNEXPECTED, Problem
from mdsa_server.vocabulary.stopwatch import stopwatch

log = structlog.get_logger(__name__)

Spawn = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]
Work = Callable[[Tell], Coroutine[Any, Any, None]]

# Documents are taken in one ingestion after the other; what was sent for those that wait lies on the disk.
MOST_UNDER_WAY = 32
CLOSING = ServerClosing("The server is shutting down.", "Take the rest in once it is back.").problem
# So many that ended can still be looked at.
MOST_ENDED = 8
# So many events of each are kept, the first and the newest.
MOST_EVENTS = 10_000


class RunningIngestion:
    """One ingestion and its events, for any number of readers, from any position; its positions count events."""

    def __init__(self, collection: str) -> None:
        self.id = new_id()
        self.progress = Progress(collection)
        self._events: list[AnyIngestionEvent] = []
        self._dropped = 0
        self._grown = asyncio.Event()
        self._clock = stopwatch()
        self.cancelled = False
        """Whether somebody has asked that it end."""

    @property
    def ended(self) -> bool:
        return self.progress.ended

    @property
    def seconds(self) -> float:
        """For how long it has gone on, since its turn came."""
        return self.progress.at if self.ended else self._clock()

    def tell(self, event: AnyIngestionEvent) -> None:
        """Add an event, and wake all who follow."""
        if not self._events:
            self._clock = stopwatch()
        self._events.append(event)
        self.progress.tell(event)
        if len(self._events) > MOST_EVENTS:
            # The first one says how much there is to do.
            del self._events[1 : 1 + MOST_EVENTS // 2]
            self._dropped += MOST_EVENTS // 2
        self._grown.set()
        self._grown = asyncio.Event()

    def fail(self, problem: Problem) -> None:
        """Tell that it has ended before its end."""
        self.tell(IngestionFailed(at=self.progress.at, problem=problem))

    async def first(self) -> AnyIngestionEvent:
        """Wait for the first event: the start, or the failure of one that could not begin."""
        while not self._events:
            await self._grown.wait()
        return self._events[0]

    async def more(self, seconds: float) -> None:
        """Wait for the next event, but no longer than so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._grown.wait()

    async def follow(self, after: int = 0) -> AsyncIterator[list[tuple[int, AnyIngestionEvent]]]:
        """Give the events after a position, each with its own, all that are there at once, to the end."""
        while True:
            grown, ended = self._grown, self.ended
            if batch := self._after(after):
                after = batch[-1][0]
                yield batch
            elif ended:
                return
            else:
                await grown.wait()

    def _after(self, position: int) -> list[tuple[int, AnyIngestionEvent]]:
        start = max(1, position - self._dropped) if position else 0
        return [
            (place + 1 + (self._dropped if place else 0), event)
            for place, event in enumerate(self._events[start:], start)
        ]


class Ingestions:
    """Begins ingestions and finds them again."""

    def __init__(self, spawn: Spawn) -> None:
        self._spawn = spawn
        self._known: dict[str, RunningIngestion] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def require_room(self) -> None:
        """Raise TooManyIngestions where no other one can begin."""
        if sum(not one.ended for one in self._known.values()) >= MOST_UNDER_WAY:
            raise TooManyIngestions(
                f"{MOST_UNDER_WAY} ingestions are under way or wait", "Wait until some of them have ended."
            )

    def start(self, collection: str, work: Work) -> RunningIngestion:
        """Begin an ingestion in a task of its own. Raises TooManyIngestions, and then `work` is not asked."""
        self.require_room()
        ingestion = RunningIngestion(collection)
        self._known[ingestion.id] = ingestion
        for one in [one.id for one in self._known.values() if one.ended][:-MOST_ENDED]:
            del self._known[one]
        task = self._spawn(self._run(ingestion, work), f"ingestion {ingestion.id}")
        self._tasks[ingestion.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(ingestion.id, None))
        return ingestion

    def find(self, ingestion: str) -> RunningIngestion:
        """Give an ingestion. Raises UnknownIngestion."""
        found = self._known.get(ingestion)
        if found is None:
            raise UnknownIngestion(
                f"no ingestion has the id {ingestion!r}",
                "Those that ended long ago, or before a restart, are forgotten.",
            )
        return found

    def all(self) -> list[RunningIngestion]:
        """Give those under way and the last that ended, the newest first."""
        return list(reversed(self._known.values()))

    async def cancel(self, ingestion: str) -> None:
        """End one before its end, and wait until it has; one that has ended stays so. Raises UnknownIngestion."""
        found, task = self.find(ingestion), self._tasks.get(ingestion)
        if task is not None and not found.ended:
            found.cancelled = True
            task.cancel()
            await asyncio.wait([task])
        if not found.ended:
            # It had not even begun.
            found.fail(CANCELLED)

    async def cancel_into(self, collection: str) -> None:
        """End those that take documents into a collection."""
        for one in self.all():
            if one.progress.collection == collection and not one.ended:
                await self.cancel(one.id)

    def forget(self, ingestion: str) -> None:
        """Forget one that has ended; one that goes on stays. Raises UnknownIngestion."""
        if self.find(ingestion).ended:
            del self._known[ingestion]

    async def _run(self, ingestion: RunningIngestion, work: Work) -> None:
        try:
            await work(ingestion.tell)
        except MdsaError as error:
            ingestion.fail(error.problem)
        except asyncio.CancelledError:
            ingestion.fail(CANCELLED if ingestion.cancelled else CLOSING)
            raise
        except Exception:
            # Whoever follows must not wait for an end that never comes.
            log.exception("ingestion broke", ingestion=ingestion.id)
            ingestion.fail(UNEXPECTED)
