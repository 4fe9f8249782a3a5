"""Notices when a plugin's async code holds up the event loop, and says whose it was."""

from __future__ import annotations

import asyncio
import sys
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
# How often it is looked in that time who keeps the loop.
LOOKS = 10

Blame = Callable[[float], None]
"""Is told, on the loop and once it goes on, for how many seconds it stood still."""


class LoopWatch:
    """Looks from a thread of its own, while anything is watched, whether the loop goes on."""

    def __init__(self) -> None:
        self._watched: dict[asyncio.Task[Any], Blame] = {}
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
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
            went_on = threading.Event()
            self._loop.call_soon_threadsafe(went_on.set)
            self._follow(went_on)

    def _follow(self, went_on: threading.Event) -> None:
        """Look again and again until the loop goes on, and blame who alone kept it for too long.

        One look would blame who takes a short step just when others have used up the time. A task that a watched one
        began is not told from those of the server's own; the log says where in the code it stands.
        """
        began = since = time.monotonic()
        task: asyncio.Task[Any] | None = None
        told = False
        while not went_on.wait(BLOCKED_SECONDS / LOOKS):
            if self._ended or self._loop.is_closed():
                return
            running, now = asyncio.current_task(self._loop), time.monotonic()
            if running is not task:
                task, since = running, now
            if not told and now - began >= BLOCKED_SECONDS:
                told = True
                log.error("the server stands still", task=task.get_name() if task else "", at=self._place())
            if task is not None and now - since >= BLOCKED_SECONDS:
                self._blame(task, went_on, since)
                return

    def _blame(self, task: asyncio.Task[Any], went_on: threading.Event, since: float) -> None:
        blame = self._watched.get(task)
        went_on.wait()
        if blame is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(blame, time.monotonic() - since)

    def _place(self) -> str:
        """Say where in the code the loop's thread is."""
        frame = sys._current_frames().get(self._thread)
        return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else ""
