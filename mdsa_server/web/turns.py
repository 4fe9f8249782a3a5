"""Turns as callers begin them: within what their access keys allow."""

from typing import Any

from mdsa_server.chat.turn_stream import TurnStream
from mdsa_server.errors import KeyRefused
from mdsa_server.vocabulary.turn import Turn
from mdsa_server.web.auth import Caller
from mdsa_server.web.rooms import Rooms

# About as many as most models make one of.
CHARS_A_TOKEN = 4


async def begin(rooms: Rooms, caller: Caller, message: str, **options: Any) -> TurnStream:
    """Begin a turn of a caller's; `options` are those of `LiveTurns.start`.

    Raises as that does, KeyRefused where the key was revoked meanwhile, and TooManyRequests where the caller's turns
    have taken as many tokens as they may.
    """
    rooms.doorkeeper.check_tokens(caller)
    stream = await rooms.live_turns.start(caller.owner, message, among=caller.among, **options)
    try:
        rooms.doorkeeper.check_key(caller)
    except KeyRefused:
        # It was being saved when the turns of its key were stopped.
        await rooms.live_turns.cancel(caller.owner, stream.turn.id)
        raise
    if caller.key and caller.key.tokens_per_minute:
        rooms.spawn(_count(rooms, caller, stream), f"tokens of turn {stream.turn.id}")
    return stream


async def _count(rooms: Rooms, caller: Caller, stream: TurnStream) -> None:
    rooms.doorkeeper.count_tokens(caller, tokens_of(await stream.finished()))


def tokens_of(turn: Turn) -> int:
    """Give the tokens that a turn took; an estimate where the engine did not come to count them: it was stopped."""
    if turn.usage is not None:
        return turn.usage.prompt_tokens + turn.usage.answer_tokens
    prompt = turn.ledger
    read = prompt.instructions + prompt.history + prompt.passages + prompt.question + prompt.tools if prompt else 0
    return read + len(turn.answer + turn.thinking) // CHARS_A_TOKEN
