"""Notices when a plugin's async code holds up the event loop, and says whose it was."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.5
# PyTorch's import holds Python's lock for up to a second, whosever turn it is.
BLOCKED_SECONDS = 2.0

Blame = Callable[[float], None]
"""Is told, on the loop and once it goes on, for how many seconds it stood still."""


class LoopWatch:
    """Looks from a thread of its own, while anything is watched, whether the loop goes on."""

    def __init__(self) -> None:
        self._watched: dict[asyncio.Task[Any], Blame] = {}
        self._loop = asyncio.get_running_loop()
        self._busy = threading.Event()
        self._ended = False
        threading.Thread(target=self._look, name="loop watch", daemon=True).start()

    @contextmanager
    def on(self, blame: Blame) -> Iterator[None]:
        """Watch the present task for as long as the block lasts."""
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("there is no task to be watched")
        self._watched[task] = blame
        self._busy.set()
        try:
            yield
        finally:
            self._watched.pop(task, None)
            if not self._watched:
                self._busy.clear()

    def close(self) -> None:
        """Look no more."""
        self._ended = True
        self._busy.set()

    def _look(self) -> None:
        while not self._ended:
            self._busy.wait()
            time.sleep(LOOK_SECONDS)
            # The loop may have been closed by a server that came to no good end; then there is nothing to look at.
            if self._ended or self._loop.is_closed():
                return
            went_on, began = threading.Event(), time.monotonic()
            self._loop.call_soon_threadsafe(went_on.set)
            if went_on.wait(BLOCKED_SECONDS):
                continue
            task = asyncio.current_task(self._loop)
            blame = self._watched.get(task) if task else None
            log.error(
                "the server stands still", task=task.get_name() if task else "", plugin_at_fault=blame is not None
            )
            went_on.wait()
            if blame is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(blame, time.monotonic() - began)
