"""Turns as callers begin them: within what their access keys allow."""

from typing import Any

from mdsa_server.chat.turn_stream import TurnStream
from mdsa_server.web.auth import Caller
from mdsa_server.web.rooms import Rooms


async def begin(rooms: Rooms, caller: Caller, message: str, **options: Any) -> TurnStream:
    """Begin a turn of a caller's; `options` are those of `LiveTurns.start`.

    Raises as that does, and TooManyRequests where the caller's turns have taken as many tokens as they may.
    """
    rooms.doorkeeper.check_tokens(caller)
    stream = await rooms.live_turns.start(caller.owner, message, among=caller.among, **options)
    if caller.key and caller.key.tokens_per_minute:
        rooms.spawn(_count(rooms, caller, stream), f"tokens of turn {stream.turn.id}")
    return stream


async def _count(rooms: Rooms, caller: Caller, stream: TurnStream) -> None:
    usage = (await stream.finished()).usage
    if usage is not None:
        rooms.doorkeeper.count_tokens(caller, usage.prompt_tokens + usage.answer_tokens)
