"""The end of a program and of all that it has started: asked for at first, and then by force."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psutil

# For a program to end by itself once its input has ended, and then once more after it was told to.
GRACE_SECONDS = 1.0
LOOK_SECONDS = 0.02


def apart() -> dict[str, Any]:
    """Give what starts a program in a session of its own.

    So Ctrl+C in a terminal does not reach it: it is for the server, which ends the program in its turn. And what the
    program starts is known by its session, even when what has started it is gone.
    """
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


class ProcessTree:
    """A program that was started `apart`, by its process id, and what it has started."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._root: psutil.Process | None = None
        with suppress(psutil.NoSuchProcess):
            self._root = psutil.Process(pid)
        # Those that were seen: one whose parent has ended cannot be found again where there are no sessions.
        self._seen: set[psutil.Process] = set()

    async def end(self) -> None:
        """End all of it. Where this is cancelled, by force and at once."""
        try:
            await self._gone()
            for told in (psutil.Process.terminate, psutil.Process.kill):
                if not self._tell(told):
                    break
                await self._gone()
        except BaseException:
            self._tell(psutil.Process.kill)
            raise

    def _tell(self, told: Callable[[psutil.Process], None]) -> bool:
        """Tell all that is left, if anything is. A process is known by when it began too, so no other is hit."""
        left = self._left()
        for process in left:
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                told(process)
        return bool(left)

    async def _gone(self) -> None:
        """Wait until nothing is left, for as long as the grace lasts."""
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                while self._left():  # noqa: ASYNC110  # what is no child of ours tells us nothing when it ends
                    await asyncio.sleep(LOOK_SECONDS)

    def _left(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            if self._root is not None:
                self._seen.update([self._root, *self._root.children(recursive=True)])
        if hasattr(os, "getsid"):
            for pid in psutil.pids():
                with suppress(OSError, psutil.NoSuchProcess):
                    if os.getsid(pid) == self._pid:
                        self._seen.add(psutil.Process(pid))
        return [process for process in self._seen if _runs(process)]


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
