"""A turn and its events, for any number of readers, from any position: while it runs, and once it has ended."""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from typing import Self

from msgspec.structs import replace

from mdsa_server.vocabulary.events import ApprovalAsked, DomainAsked, TurnEvent
from mdsa_server.vocabulary.replay import Positioned, events_after, extent, told
from mdsa_server.vocabulary.stopwatch import Stopwatch, stopped
from mdsa_server.vocabulary.turn import Turn


class TurnStream:
    """Grows by `tell` until `end`; one that comes from the store has ended before anyone reads it."""

    def __init__(self, turn: Turn, clock: Stopwatch = stopped) -> None:
        self.turn = turn
        """As it was when the stream was made."""
        self.clock = clock
        """How long it has run, while it does: the clock on the wall may be set meanwhile."""
        self.events: list[TurnEvent] = []
        self.ended = False
        self.saved = False
        """Whether it is in the store, whole, whatever its events tell of a while in which it could not be."""
        self._ends: list[int] = []
        self._grown = asyncio.Event()

    @classmethod
    def of_ended(cls, turn: Turn, events: Sequence[TurnEvent]) -> Self:
        """Make the stream of a turn that has ended, of all its events."""
        stream = cls(turn)
        for event in events[:-1]:
            stream.tell(event)
        stream.end(events[-1])
        stream.saved = True
        return stream

    def tell(self, event: TurnEvent) -> None:
        """Add an event, and wake all who follow."""
        self.events.append(event)
        self._ends.append((self._ends[-1] if self._ends else 0) + extent(event))
        self._grown.set()
        self._grown = asyncio.Event()

    def end(self, last: TurnEvent) -> None:
        """Add the last event; no more will come."""
        self.ended = True
        self.tell(last)

    async def follow(self, after: int = 0) -> AsyncIterator[list[Positioned]]:
        """Give the events after a position (see `vocabulary/replay.py`), all that are there at once, to the end.

        The last event is given in any case, also to a reader whose position is beyond it: who asks again must
        learn that there is no more.
        """
        told_last = False
        while True:
            grown, ended = self._grown, self.ended
            if batch := self._after(after):
                after, told_last = batch[-1][0], ended
                yield batch
            elif not ended:
                await grown.wait()
                # One round of the loop: what other tasks do in it comes along in the same batch.
                await asyncio.sleep(0)
            else:
                if not told_last:
                    yield [(self._ends[-1], self.events[-1])]
                return

    async def finished(self) -> Turn:
        """Wait for the end and give the turn as it was saved."""
        async for _ in self.follow():
            pass
        return self.so_far()

    async def finished_or_asking(self) -> Turn:
        """Wait for the end, or until the turn waits for a word of its owner's."""
        async for batch in self.follow():
            if any(isinstance(event, DomainAsked | ApprovalAsked) for _, event in batch) and self.so_far().needs:
                break
        return self.so_far()

    def so_far(self) -> Turn:
        """Give the turn as far as it has been told."""
        turn = told(self.turn, self.events)
        return replace(turn, unsaved=None) if self.saved else turn

    def _after(self, position: int) -> list[Positioned]:
        first = bisect_right(self._ends, position)
        before = self._ends[first - 1] if first else 0
        return [(before + end, event) for end, event in events_after(self.events[first:], position - before)]
