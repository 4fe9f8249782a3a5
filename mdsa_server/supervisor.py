"""The server's background tasks: each fails alone, services come back, and all end with the server."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from mdsa_server.errors import MdsaError

log = structlog.get_logger(__name__)

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0


class Supervisor:
    """Not a TaskGroup: there, one task that raises would end every other."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run `work` as a task of its own; what it raises is logged and ends nothing else."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def service(self, work: Callable[[], Awaitable[None]], name: str) -> None:
        """Run `work` for as long as the server runs; when it raises, begin again after a growing pause."""
        self.spawn(self._keep_running(work, name), name)

    async def close(self) -> None:
        """Cancel what still runs and wait for it to end."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep_running(self, work: Callable[[], Awaitable[None]], name: str) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                await work()
            except MdsaError as error:
                # It says itself what is wrong, and how to mend it: where in the code it showed is of no use.
                log.warning("service waits", service=name, reason=error.detail, mend=error.mend, pause_seconds=pause)
            except Exception:
                # A service is there for the whole server: whatever broke it, the server is better off with it.
                log.exception("service broke, beginning again", service=name, pause_seconds=pause)
            else:
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("task broke", task=task.get_name(), exc_info=error)
