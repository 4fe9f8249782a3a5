"""Work in a thread of its own answers once, and holds up neither the loop nor whoever has stopped waiting."""

import asyncio
import threading
import time

import pytest

from mdsa_server.plugin_api import in_own_thread


async def test_what_work_gives_or_raises_is_given_or_raised() -> None:
    def fail() -> int:
        raise ValueError("broken")

    assert await in_own_thread(lambda: threading.current_thread().name, name="count") == "count"
    with pytest.raises(ValueError, match="broken"):
        await in_own_thread(fail, name="fail")


async def test_a_wait_ends_at_once_where_the_work_does_not() -> None:
    end = threading.Event()
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await in_own_thread(lambda: end.wait(10), name="hang")
    assert time.monotonic() - began < 5
    end.set()
