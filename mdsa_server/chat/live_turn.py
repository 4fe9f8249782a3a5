"""One turn under way, and the ways in which it can be ended."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from mdsa_server.chat.asking import Asking
from mdsa_server.chat.desk import Team
from mdsa_server.chat.turn_stream import TurnStream
from mdsa_server.store.conversations import BegunTurn
from mdsa_server.vocabulary.events import Token, TurnEvent, TurnFailed, TurnFinished
from mdsa_server.vocabulary.problem import Problem
from mdsa_server.vocabulary.turn import Timings

CANCELLED = "cancelled"


@dataclass(eq=False)
class LiveTurn:
    """A turn under way, or one that has ended and could not be saved yet."""

    owner: str
    team: Team
    """The domains as they were when it began."""
    stream: TurnStream
    asking: Asking = field(default_factory=Asking)
    task: asyncio.Task[None] | None = None
    ending: bool = False
    """Its end is known and being saved: too late to cancel it."""
    cut_off: bool = False
    """The server stops, and it has had its time."""
    unsaved: BegunTurn | None = None
    """Its message, where that is not in the store."""
    problem: Problem | None = None
    """Why it is not."""
    unread: Problem | None = None
    """Why it is not known what it goes on from."""
    story: Sequence[TurnEvent] = ()
    """What is to be saved of it, once it has ended."""


async def stop(live: LiveTurn, seconds: float | None = None) -> bool:
    """Cancel a turn, unless its end is being saved, and wait until it is saved; give whether it was in that time."""
    if live.task is None:
        return True
    # A task cancelled before its first step never enters its try block: give it that step.
    await asyncio.sleep(0)
    if not live.ending:
        live.task.cancel()
    done, _ = await asyncio.wait([live.task], timeout=seconds)
    return bool(done)


def cancelled(live: LiveTurn) -> TurnFinished:
    """Tell that a turn was stopped."""
    at = live.stream.clock()
    first_token = next((event.at for event in live.stream.events if isinstance(event, Token)), None)
    return TurnFinished(at=at, usage=None, timings=Timings(total=at, first_token=first_token), reason=CANCELLED)


def failed(live: LiveTurn, problem: Problem) -> TurnFailed:
    """Tell that a turn failed."""
    return TurnFailed(at=live.stream.clock(), problem=problem)
