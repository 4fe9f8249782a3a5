"""A background task fails alone; a service comes back; all end together."""

import asyncio

import pytest

from mdsa_server import supervisor as module
from mdsa_server.supervisor import Supervisor


async def test_a_task_that_raises_ends_no_other() -> None:
    supervisor = Supervisor()
    go, done = asyncio.Event(), asyncio.Event()

    async def breaks() -> None:
        raise LookupError("broken")

    async def works() -> None:
        await go.wait()
        done.set()

    broken = supervisor.spawn(breaks(), "breaks")
    supervisor.spawn(works(), "works")
    await asyncio.wait([broken])
    go.set()
    await asyncio.wait_for(done.wait(), 5)
    await supervisor.close()


async def test_a_service_that_breaks_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.001)
    supervisor = Supervisor()
    runs = 0
    third = asyncio.Event()

    async def breaks_twice() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise LookupError("broken")
        third.set()

    supervisor.service(breaks_twice, "service")
    await asyncio.wait_for(third.wait(), 5)
    await supervisor.close()


async def test_closing_ends_every_task_and_waits_for_it() -> None:
    supervisor = Supervisor()
    begun, tidied = asyncio.Event(), asyncio.Event()

    async def endless() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            tidied.set()

    supervisor.spawn(endless(), "endless")
    await begun.wait()
    await supervisor.close()
    assert tidied.is_set()
