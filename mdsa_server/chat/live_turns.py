"""Turns under way: each is a task of its own that outlives the request that began it, and any may follow it."""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from typing import Any

import structlog

from mdsa_server.chat.desk import Desk
from mdsa_server.chat.turn import run_turn
from mdsa_server.errors import InvalidRequest, MdsaError, MessageTooLong, ServerClosing
from mdsa_server.store.turn_log import CUT_OFF, TurnLog
from mdsa_server.vocabulary.events import Token, TurnEvent, TurnFailed, TurnFinished
from mdsa_server.vocabulary.problem import Problem
from mdsa_server.vocabulary.replay import Positioned, events_after, extent, told
from mdsa_server.vocabulary.stopwatch import stopwatch
from mdsa_server.vocabulary.turn import Timings, Turn, Usage

log = structlog.get_logger(__name__)

Spawn = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]
Observer = Callable[[Turn, TurnEvent], None]

CANCELLED = "cancelled"


class LiveTurn:
    """One turn under way, and its events so far."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.task: asyncio.Task[None] | None = None
        self.clock = stopwatch()
        self.events: list[TurnEvent] = []
        self.ended = False
        self._ends: list[int] = []
        self._grown = asyncio.Event()

    def tell(self, event: TurnEvent) -> None:
        """Add an event, and wake all who follow."""
        self.events.append(event)
        self._ends.append((self._ends[-1] if self._ends else 0) + extent(event))
        self._wake()

    def end(self) -> None:
        """No more events will come."""
        self.ended = True
        self._wake()

    async def follow(self, after: int = 0, *, idle: float | None = None) -> AsyncIterator[list[Positioned]]:
        """Give the events after a position (see `vocabulary/replay.py`), all that are there at once, to the end.

        An empty list tells that nothing happened for `idle` seconds.
        """
        while True:
            grown, ended = self._grown, self.ended
            if batch := self._after(after):
                after = batch[-1][0]
                yield batch
            elif ended:
                return
            else:
                try:
                    async with asyncio.timeout(idle):
                        await grown.wait()
                    # One round of the loop: what other tasks do in it comes along in the same batch.
                    await asyncio.sleep(0)
                except TimeoutError:
                    yield []

    async def finished(self) -> Turn:
        """Wait for the end and give the turn as it was saved."""
        async for _ in self.follow():
            pass
        return self.so_far()

    def so_far(self) -> Turn:
        """Give the turn as far as it has been told."""
        return told(self.turn, self.events)

    def _after(self, position: int) -> list[Positioned]:
        first = bisect_right(self._ends, position)
        before = self._ends[first - 1] if first else 0
        return [(before + end, event) for end, event in events_after(self.events[first:], position - before)]

    def _wake(self) -> None:
        self._grown.set()
        self._grown = asyncio.Event()


class LiveTurns:
    """Begins turns, finds those under way, and sees each to its end: answered, failed or cancelled, and saved."""

    def __init__(
        self, desk: Desk, turn_log: TurnLog, *, spawn: Spawn, observe: Observer, max_message_chars: int
    ) -> None:
        self.desk = desk
        self._turn_log = turn_log
        self._spawn = spawn
        self._observe = observe
        self._max_message_chars = max_message_chars
        self._live: dict[str, LiveTurn] = {}
        self._closing = False

    async def start(
        self, owner: str, message: str, *, conversation: str | None = None, domain: str | None = None
    ) -> LiveTurn:
        """Save the message and begin its turn.

        Raises InvalidRequest, MessageTooLong, UnknownDomain, UnknownConversation, StoreUnusable or
        ServerClosing; then nothing was saved.
        """
        self.check(message, domain)
        live = LiveTurn(await self.desk.conversations.begin_turn(owner, conversation, message))
        self._live[live.turn.id] = live
        live.task = self._spawn(self._drive(live, domain), f"turn {live.turn.id}")
        return live

    def check(self, message: str, domain: str | None) -> None:
        """See that a message can be a turn's. Raises as `start` does."""
        if self._closing:
            raise ServerClosing("The server is shutting down.", "Send the message again once it is back.")
        if not message.strip():
            raise InvalidRequest("message: there is nothing in it", "Send some text.")
        if len(message) > self._max_message_chars:
            raise MessageTooLong(
                f"the message has {len(message):,} characters; {self._max_message_chars:,} are allowed",
                "Send less, or raise [server] max_message_chars in mdsa.toml.",
            )
        if domain is not None:
            self.desk.team.domain(domain)

    def get(self, turn: str) -> LiveTurn | None:
        """Give a turn under way; None where it has ended or never was."""
        return self._live.get(turn)

    def __len__(self) -> int:
        return len(self._live)

    async def cancel(self, turn: str) -> None:
        """Stop a turn, the engine included, and wait until what there was of its answer is saved."""
        live = self._live.get(turn)
        if live and live.task:
            # A task cancelled before its first step never enters its try block: give it that step.
            await asyncio.sleep(0)
            live.task.cancel()
            await asyncio.wait([live.task])

    async def cancel_conversation(self, conversation: str) -> None:
        """Stop every turn of a conversation."""
        for live in [live for live in self._live.values() if live.turn.conversation == conversation]:
            await self.cancel(live.turn.id)

    async def close(self, patience: float) -> None:
        """Take no new turns, give those under way `patience` seconds, then cancel the rest."""
        self._closing = True
        tasks = [live.task for live in self._live.values() if live.task]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=patience)
            for turn in [live.turn.id for live in self._live.values() if live.task in late]:
                await self.cancel(turn)

    async def _drive(self, live: LiveTurn, domain: str | None) -> None:
        """Run a turn and tell its end, whatever it is, once it is saved."""
        last: TurnEvent
        try:
            last = await self._tell_all(live, domain)
        except asyncio.CancelledError:
            last = _failed(live, CUT_OFF) if self._closing else _cancelled(live)
        except MdsaError as error:
            last = _failed(live, problem_of(error))
        except Exception:
            # Whatever a plugin or we ourselves did wrong, the reader of the stream must learn that it ended.
            log.exception("turn broke", turn=live.turn.id)
            last = _failed(live, UNEXPECTED)
        try:
            await asyncio.shield(self._turn_log.finish(live.turn, [*live.events, last]))
        except MdsaError as error:
            log.error("turn not saved", turn=live.turn.id, reason=error.detail, mend=error.mend)
        finally:
            self._tell(live, last)
            live.end()
            self._live.pop(live.turn.id, None)

    async def _tell_all(self, live: LiveTurn, domain: str | None) -> TurnEvent:
        """Tell all events but the last, and give that: nobody may hear of an end that is not saved."""
        async with aclosing(run_turn(self.desk, live.turn, live.clock, domain=domain)) as events:
            async for event in events:
                if isinstance(event, TurnFinished):
                    return event
                self._tell(live, event)
        raise AssertionError("a turn's story ends with TurnFinished or an error")

    def _tell(self, live: LiveTurn, event: TurnEvent) -> None:
        live.tell(event)
        self._observe(live.turn, event)


UNEXPECTED = Problem(
    code="unexpected",
    title="Something went wrong in the server",
    detail="An error that nobody foresaw. The server's log has its traceback.",
    mend="Try again; if it stays, report it with the lines of the log.",
)


def problem_of(error: MdsaError) -> Problem:
    """Say what an error says, as data."""
    return Problem(code=error.code, title=error.title, detail=error.detail, mend=error.mend)


def _cancelled(live: LiveTurn) -> TurnFinished:
    at = live.clock()
    first_token = next((event.at for event in live.events if isinstance(event, Token)), None)
    timings = Timings(total=at, first_token=first_token)
    return TurnFinished(at=at, usage=Usage(), timings=timings, reason=CANCELLED)


def _failed(live: LiveTurn, problem: Problem) -> TurnFailed:
    return TurnFailed(at=live.clock(), problem=problem)
