"""A call that takes no notice of being cancelled holds nobody up, and its plugin is used no more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from mdsa_server.errors import PluginFault
from mdsa_server.plugin_api import Tool
from mdsa_server.plugin_host.registry import PluginRegistry
from tests.plugin_host.offering import AnyRouter, Offering, found, opened, route_with, status_of
from tests.plugin_host.test_calls import call_async_tool


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mdsa_server.plugin_host.guarding.HEED_SECONDS", 0.1)


@asynccontextmanager
async def with_stubborn_tool() -> AsyncIterator[tuple[PluginRegistry, asyncio.Event, Callable[[], bool]]]:
    """A registry, what is set once its tool runs, and whether that runs still."""
    begun, released, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def stay() -> str:
        """Stay."""
        begun.set()
        try:
            while not released.is_set():
                with suppress(asyncio.CancelledError):
                    await released.wait()
            return "done"
        finally:
            ended.set()

    async with opened(found("stubborn", Offering(tools=[Tool(stay)])), call_timeout=0.1) as registry:
        yield registry, begun, ended.is_set
        released.set()


async def test_a_tool_that_swallows_its_cancellation_is_left_behind_when_its_time_is_over() -> None:
    async with with_stubborn_tool() as (registry, _, ended):
        began = time.monotonic()
        with pytest.raises(PluginFault, match=r"no answer within 0\.1 s"):
            await call_async_tool(registry, "stay")
        assert time.monotonic() - began < 2
        status = status_of(registry, "stubborn")
        assert (status.state, status.reason) == (
            "quarantined",
            "tool stay: goes on though it was cancelled: raise CancelledError where it is caught",
        )
        await asyncio.sleep(0)
        assert ended(), "what is left behind is closed where that is possible"


async def test_who_is_cancelled_while_such_a_tool_runs_waits_for_it_no_longer_than_a_moment() -> None:
    async with with_stubborn_tool() as (registry, begun, _):
        call = asyncio.create_task(call_async_tool(registry, "stay"))
        await begun.wait()
        call.cancel()
        await asyncio.wait([call], timeout=2)
        assert call.cancelled()
        assert status_of(registry, "stubborn").state == "quarantined"


async def test_a_tool_that_tidies_up_when_it_is_cancelled_is_given_the_time_and_blamed_for_nothing_else() -> None:
    tidied = asyncio.Event()

    async def work() -> str:
        """Work."""
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.03)
            tidied.set()
        return ""

    async with opened(found("tidy", Offering(tools=[Tool(work)])), call_timeout=0.05) as registry:
        with pytest.raises(PluginFault, match=r"no answer within 0\.05 s"):
            await call_async_tool(registry, "work")
        assert tidied.is_set()
        assert status_of(registry, "tidy").state == "active"


async def test_a_router_that_swallows_its_cancellation_is_left_behind_too() -> None:
    released = asyncio.Event()

    async def stay() -> None:
        while not released.is_set():
            with suppress(asyncio.CancelledError):
                await released.wait()

    async with opened(found("stubborn", Offering(routers=[AnyRouter(answer=stay)])), call_timeout=0.1) as registry:
        with pytest.raises(PluginFault, match=r"no answer within 0\.1 s"):
            await route_with(registry)
        assert status_of(registry, "stubborn").state == "quarantined"
        released.set()
