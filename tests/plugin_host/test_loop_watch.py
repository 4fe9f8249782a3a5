"""An async tool that blocks the event loop is named, and its plugin used no more."""

import asyncio
import time

import pytest
from structlog.testing import capture_logs

from mdsa_server.plugin_api import Tool
from tests.plugin_host.offering import Offering, found, opened, status_of
from tests.plugin_host.test_calls import call_async_tool

BLOCKS_SECONDS = 0.6


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mdsa_server.plugin_host.loop_watch.LOOK_SECONDS", 0.02)
    monkeypatch.setattr("mdsa_server.plugin_host.loop_watch.BLOCKED_SECONDS", 0.3)


async def test_an_async_tool_that_blocks_the_loop_puts_its_plugin_in_quarantine() -> None:
    async def block() -> str:
        """Block."""
        await asyncio.sleep(0.1)
        time.sleep(BLOCKS_SECONDS)  # noqa: ASYNC251  # that is the fault
        return "done"

    async with opened(found("heavy", Offering(tools=[Tool(block)]))) as registry:
        assert await call_async_tool(registry, "block") == "done"
        deadline = time.monotonic() + 5
        while status_of(registry, "heavy").state == "active" and time.monotonic() < deadline:  # noqa: ASYNC110  # no event
            await asyncio.sleep(0.01)
        assert "held up the whole server for 0." in status_of(registry, "heavy").reason
        assert await registry.tools() == ()


async def test_an_async_tool_that_waits_is_left_alone() -> None:
    async def wait() -> str:
        """Wait."""
        await asyncio.sleep(BLOCKS_SECONDS)
        return "done"

    async with opened(found("patient", Offering(tools=[Tool(wait)]))) as registry:
        assert await call_async_tool(registry, "wait") == "done"
        assert status_of(registry, "patient").state == "active"


async def test_what_others_block_is_not_a_waiting_tools_fault() -> None:
    async def wait() -> str:
        """Wait."""
        await asyncio.sleep(0.2)
        return "done"

    async with opened(found("patient", Offering(tools=[Tool(wait)]))) as registry:
        call = asyncio.create_task(call_async_tool(registry, "wait"))
        await asyncio.sleep(0.1)
        time.sleep(BLOCKS_SECONDS)  # noqa: ASYNC251
        assert await call == "done"
        await asyncio.sleep(0.1)
        assert status_of(registry, "patient").state == "active"


async def test_a_short_step_that_happens_to_run_while_others_block_is_nobodys_fault() -> None:
    turn = asyncio.Event()

    async def step() -> str:
        """Take a step."""
        await turn.wait()
        time.sleep(0.2)  # noqa: ASYNC251
        return "done"

    async with opened(found("quick", Offering(tools=[Tool(step)]))) as registry:
        call = asyncio.create_task(call_async_tool(registry, "step"))
        await asyncio.sleep(0.1)
        turn.set()  # It goes on right after this task.
        time.sleep(0.25)  # noqa: ASYNC251
        assert await call == "done"
        await asyncio.sleep(0.1)
        assert status_of(registry, "quick").state == "active"


async def test_a_tool_that_blocks_after_others_did_is_blamed_for_its_own_share() -> None:
    turn = asyncio.Event()

    async def block() -> str:
        """Block."""
        await turn.wait()
        time.sleep(BLOCKS_SECONDS)  # noqa: ASYNC251
        return "done"

    async with opened(found("heavy", Offering(tools=[Tool(block)]))) as registry:
        call = asyncio.create_task(call_async_tool(registry, "block"))
        await asyncio.sleep(0.1)
        turn.set()
        time.sleep(0.25)  # noqa: ASYNC251
        assert await call == "done"
        await asyncio.sleep(0.1)
        reason = status_of(registry, "heavy").reason
        assert "held up the whole server for 0." in reason
        assert float(reason.partition(" for ")[2].partition(" s:")[0]) <= BLOCKS_SECONDS + 0.1


async def test_what_stands_still_is_logged_with_the_place_in_the_code() -> None:
    async def block() -> str:
        """Block."""
        await asyncio.gather(held_up())
        return "done"

    async def held_up() -> None:
        time.sleep(BLOCKS_SECONDS)  # noqa: ASYNC251

    with capture_logs() as lines:
        async with opened(found("heavy", Offering(tools=[Tool(block)]))) as registry:
            assert await call_async_tool(registry, "block") == "done"
    (line,) = [line for line in lines if line["event"] == "the server stands still"]
    assert "test_loop_watch.py:" in line["at"]
