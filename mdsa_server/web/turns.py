"""Turns as callers begin them: within what their access keys allow."""

from typing import Any

from mdsa_server.chat.turn_stream import TurnStream
from mdsa_server.errors import KeyRefused
from mdsa_server.web.auth import Caller
from mdsa_server.web.rooms import Rooms


async def begin(rooms: Rooms, caller: Caller, message: str, **options: Any) -> TurnStream:
    """Begin a turn of a caller's; `options` are those of `LiveTurns.start`.

    Raises as that does, KeyRefused where the key was revoked meanwhile, and TooManyRequests where the caller's turns
    take as many tokens as they may.
    """
    held = rooms.token_limits.hold(caller, message)
    try:
        stream = await rooms.live_turns.start(caller.owner, message, among=caller.among, **options)
    except BaseException:
        if held:
            held.become(0)
        raise
    if held:
        rooms.spawn(held.settle(stream), f"tokens of turn {stream.turn.id}")
    try:
        rooms.doorkeeper.check_key(caller)
    except KeyRefused:
        # It was being saved when the turns of its key were stopped.
        await rooms.live_turns.cancel(caller.owner, stream.turn.id)
        raise
    return stream
