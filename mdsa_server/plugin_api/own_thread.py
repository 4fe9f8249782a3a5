"""Runs plain work in a thread of its own: it keeps nobody from the pool, nor the process from ending."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


async def in_own_thread(work: Callable[[], T], *, name: str) -> T:
    """Give what `work` gives, or raise what it raises. Cancelled, the wait ends at once, and the thread when it may."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(give: Callable[[Any], None], value: Any) -> None:
        if not done.done():
            give(value)

    def run() -> None:
        try:
            given = work()
        except BaseException as error:
            tell: tuple[Any, ...] = (settle, done.set_exception, error)
        else:
            tell = (settle, done.set_result, given)
        with suppress(RuntimeError):  # The loop is closed: nobody waits.
            loop.call_soon_threadsafe(*tell)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await done
