"""Wait for what another process is about to do."""

import asyncio
from collections.abc import Awaitable, Callable

PATIENCE_SECONDS = 20.0
LOOK_SECONDS = 0.02


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Look until `condition` holds: an engine tells nobody when it unloads, so there is nothing to wait on."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110  # the event would have to come from another process
            await asyncio.sleep(LOOK_SECONDS)
