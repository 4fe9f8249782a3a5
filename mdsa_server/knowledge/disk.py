"""Asking the disk which files there are, so that a disk that does not answer holds nobody up for good."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from mdsa_server.errors import DocumentUnreadable

T = TypeVar("T")

PATIENCE_SECONDS = 300.0
"""Folders of a million files are listed in less."""

GoOn = Callable[[], None]
"""Called now and then by long work; raises Abandoned once nobody waits for it any more."""


class Abandoned(Exception):
    """Nobody waits for it any more."""


async def asked(work: Callable[[GoOn], T], seconds: float = PATIENCE_SECONDS) -> T:
    """Have a thread ask the disk. Raises what `work` raises, and DocumentUnreadable when the time is up.

    The thread is its own, and the server ends without it: a network disk that went away may hold it for ever.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()
    abandoned = threading.Event()

    def go_on() -> None:
        if abandoned.is_set():
            raise Abandoned

    def settle(result: T | None, error: BaseException | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)  # type: ignore[arg-type]  # where nothing was raised it is what work gave

    def run() -> None:
        result, error = None, None
        try:
            result = work(go_on)
        except BaseException as raised:
            error = raised
        with suppress(RuntimeError):  # The loop has ended meanwhile.
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="disk", daemon=True).start()
    try:
        async with asyncio.timeout(seconds):
            return await answer
    except TimeoutError as error:
        raise DocumentUnreadable(
            f"the disk has not answered for {seconds:g} seconds",
            "See that it is there, or take in fewer files at once.",
        ) from error
    finally:
        abandoned.set()
