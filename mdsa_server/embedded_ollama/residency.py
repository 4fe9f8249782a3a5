"""What is loaded, for whom, and until when: one runner at a time, unloaded when its keep_alive ends."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from mdsa_server.embedded_ollama.runner import Runner

log = logging.getLogger(__name__)

# What stands for ever where a time is told.
CENTURY = 100 * 365 * 24 * 3600.0


@dataclass(frozen=True)
class Use:
    """A runner for the length of one request."""

    runner: Runner
    load_seconds: float


class Residency:
    """Loads when first asked; another context size loads again, once those who use the old one are done."""

    def __init__(self, start: Callable[[int], Awaitable[Runner]]) -> None:
        self._start = start
        self._runner: Runner | None = None
        self._users = 0
        self._keep_alive = 0.0
        self._expires = 0.0
        self._expiry: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()
        # Whoever waits for a load holds it, so that requests are served in the order they came.
        self._door = asyncio.Lock()

    @property
    def resident(self) -> tuple[Runner, float] | None:
        """The runner, and until when it stays: seconds since the epoch."""
        runner = self._runner
        return (runner, self._expires) if runner is not None and runner.alive else None

    @asynccontextmanager
    async def use(self, context: int, keep_alive: float) -> AsyncIterator[Use]:
        """Have a runner with `context` tokens; it stays `keep_alive` seconds after its last use. Raises Refused."""
        async with self._door:
            began = time.perf_counter()
            runner = await self._loaded(context)
            load_seconds = time.perf_counter() - began
            self._users += 1
            self._idle.clear()
            self._stay(keep_alive)
        try:
            yield Use(runner, load_seconds)
        finally:
            self._users -= 1
            if self._users == 0:
                self._idle.set()
                self._stay(self._keep_alive)

    def unload(self) -> None:
        """Unload now, or as soon as nobody uses the model."""
        self._stay(0.0)

    async def _loaded(self, context: int) -> Runner:
        resident = self.resident
        if resident is not None and resident[0].context == context:
            return resident[0]
        if resident is not None:
            await self._idle.wait()
            self.end()
        began = time.perf_counter()
        runner = self._runner = await self._start(context)
        log.info("model loaded in %.1f s, context %d", time.perf_counter() - began, context)
        return runner

    def _stay(self, keep_alive: float) -> None:
        """Set when the runner goes, counted from now; a runner in use is looked at again when it is idle."""
        self._keep_alive = keep_alive
        self._expires = time.time() + min(keep_alive, CENTURY)
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if self._users:
            return
        if keep_alive == 0:
            self.end()
        elif keep_alive < CENTURY:
            self._expiry = asyncio.get_running_loop().call_later(keep_alive, self.end)

    def end(self) -> None:
        """Unload, whoever uses it."""
        if self._runner is not None:
            self._runner.end()
            self._runner = None
            log.info("model unloaded")
