"""MCP servers that die, hang or are not there: calls fail at once, they come back, and nothing of them is left."""

import asyncio
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest
from structlog.testing import capture_logs

from mdsa_server.chat.tool_calls import run_tool
from mdsa_server.plugin_api import ToolRefused
from mdsa_server.plugin_host.registry import PluginRegistry
from mdsa_server.vocabulary.tools import ToolPolicy
from tests.cli.terminal import Terminal
from tests.plugin_host.offering import status_of
from tests.plugins.first_party import CALL, use
from tests.plugins.mcp_serving import (
    PATIENCE_SECONDS,
    down,
    free_port,
    listening,
    names,
    offering,
    offers,
    serving,
    stdio,
    still_running,
    up,
    written,
)

DOWN = "MCP server is down"


async def hanging(registry: PluginRegistry) -> "asyncio.Task[object]":
    """Begin a call that is never answered."""
    call = asyncio.create_task(use(registry, "mcp.own.hang"))
    # The server answers in order what it is asked: then it has the call.
    await asyncio.sleep(0)
    assert await use(registry, "mcp.own.echo", text="after it") == "after it"
    assert not call.done()
    return call


async def test_a_server_that_dies_in_a_call_fails_it_at_once_is_down_and_comes_back() -> None:
    async with offering("stdio") as registry:
        with pytest.raises(ToolRefused, match="the MCP server own ended during the call"):
            async with asyncio.timeout(3):
                await use(registry, "mcp.own.die")
        assert await down(registry, "own", "code 3") == "the MCP server own is down: its program ended with code 3"
        assert await names(registry) == []
        await up(registry, "own")
        assert await use(registry, "mcp.own.echo", text="back") == "back"
        assert status_of(registry, "mcp_tools").faults == ()


async def test_a_tool_that_is_held_on_to_is_refused_while_its_server_is_down_and_works_again_later() -> None:
    async with offering("stdio") as registry:
        (echo,) = [tool for tool in await registry.tools() if tool.name == "mcp.own.echo"]
        with pytest.raises(ToolRefused):
            await use(registry, "mcp.own.die")
        await down(registry, "own")
        refused = await run_tool(registry, echo, {"text": "a"}, CALL, ToolPolicy())
        assert (refused.outcome, refused.text) == ("refused", "the MCP server own is down. Do without it, and say so.")
        await up(registry, "own")
        assert (await run_tool(registry, echo, {"text": "a"}, CALL, ToolPolicy())).text == "a"


async def test_a_server_that_is_killed_while_a_call_waits_fails_it_at_once(tmp_path: Path) -> None:
    async with offering("stdio", pids=tmp_path / "pids") as registry:
        call = await hanging(registry)
        (pid,) = await written(tmp_path / "pids", 1)
        psutil.Process(pid).kill()
        with pytest.raises(ToolRefused, match="ended during the call"):
            await asyncio.wait_for(call, 3)
        await down(registry, "own")
        await up(registry, "own")


async def test_a_server_elsewhere_that_is_killed_is_down_and_comes_back_when_it_is_started_again() -> None:
    port = free_port()
    async with serving(own={"url": f"http://127.0.0.1:{port}/mcp"}) as registry:
        assert "it cannot be reached" in await down(registry, "own", "reached")
        with listening(port) as process:
            await up(registry, "own")
            call = await hanging(registry)
            process.kill()
            with pytest.raises(ToolRefused, match="ended during the call"):
                await asyncio.wait_for(call, 3)
            await down(registry, "own", "reached")
        assert await names(registry) == []
        with listening(port):
            await up(registry, "own")
            assert await use(registry, "mcp.own.echo", text="back") == "back"


async def test_the_start_waits_a_moment_and_not_for_a_server_that_hangs() -> None:
    began = time.monotonic()
    async with serving(own=stdio("hang", start_timeout=4.0), other=stdio()) as registry:
        assert time.monotonic() - began < 6
        assert "it has not started yet" in registry.withheld()["mcp.own.*"]
        await offers(registry, "mcp.other.echo")
        assert "it did not start within 4 s" in await down(registry, "own", "within")
        assert await use(registry, "mcp.other.echo", text="fine") == "fine"


async def test_a_program_that_is_not_there_or_cannot_start_is_told_with_what_it_said() -> None:
    async with serving(
        gone={"command": ["no-such-program"]}, ill=stdio("crash"), lost=stdio(cwd="/no/such")
    ) as registry:
        assert "it cannot be started: No such file or directory: no-such-program" in await down(
            registry, "gone", "cannot"
        )
        assert "its program ended with code 1: it lacks a key" in await down(registry, "ill", "code 1")
        assert "it cannot be started" in await down(registry, "lost", "cannot")
        assert status_of(registry, "mcp_tools").state == "active"


async def test_the_pauses_grow_and_one_reason_is_told_once() -> None:
    with capture_logs() as logs:
        async with serving(gone={"command": ["no-such-program"]}), asyncio.timeout(PATIENCE_SECONDS):
            while sum(line["event"] == DOWN for line in logs) < 2:  # noqa: ASYNC110  # a line of the log is no event
                await asyncio.sleep(0.02)
    told = [line for line in logs if line["event"] == DOWN][:2]
    assert [(line["log_level"], line["again_after_seconds"]) for line in told] == [("warning", 1.0), ("debug", 2.0)]


async def test_what_answers_and_is_no_mcp_server_is_told() -> None:
    port = free_port()
    with listening(port):
        async with serving(own={"url": f"http://127.0.0.1:{port}/elsewhere"}) as registry:
            assert "it does not answer as an MCP server does" in await down(registry, "own", "answer")


async def test_a_message_that_is_too_large_ends_the_server_and_not_ours() -> None:
    async with offering("stdio") as registry:
        with pytest.raises(ToolRefused):
            async with asyncio.timeout(10):
                await use(registry, "mcp.own.flood")
        assert "it sent a message of more than 16,000,000 bytes" in await down(registry, "own", "bytes")
        await up(registry, "own")


async def test_a_server_that_does_one_thing_at_a_time_is_left_to_it_and_ends_with_ours(tmp_path: Path) -> None:
    async with offering("stdio", pids=tmp_path / "pids", timeout=0.3) as registry:
        with pytest.raises(ToolRefused, match="gave no answer"):
            await use(registry, "mcp.own.block")
        pids = await written(tmp_path / "pids", 1)
        assert still_running(pids) == pids
    assert still_running(pids) == []


async def test_what_a_server_has_started_ends_with_it_when_it_dies_and_when_we_close(tmp_path: Path) -> None:
    async with offering("stdio", mischief="parent", pids=tmp_path / "pids") as registry:
        first = await written(tmp_path / "pids", 2)
        assert still_running(first) == first
        with pytest.raises(ToolRefused, match="ended during the call"):
            async with asyncio.timeout(3):
                await use(registry, "mcp.own.die")
        await down(registry, "own", "code 3")
        assert still_running(first) == []
        await up(registry, "own")
        both = await written(tmp_path / "pids", 4)
    assert still_running(both) == []


async def test_a_server_that_is_only_starting_ends_too(tmp_path: Path) -> None:
    async with serving(own=stdio("hang", pids=tmp_path / "pids")):
        pids = await written(tmp_path / "pids", 1)
    assert still_running(pids) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals for one process")
async def test_nothing_is_left_of_a_server_when_ours_is_terminated(terminal: Terminal, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    own = stdio("parent", pids=pids)
    with (terminal.folder / "mdsa.toml").open("a", encoding="utf-8") as file:
        file.write(f"[plugins.mcp_tools.servers.own]\ncommand = {own['command']}\n")
        file.write("".join(f'env.{key} = "{value}"\n' for key, value in own["env"].items()))
    async with terminal.running("serve") as command:
        await command.prints("Ctrl-C stops the server.")
        started = await written(pids, 2)
        assert still_running(started) == started
        command.signal(signal.SIGTERM)
        done = await command.ends()
    assert done.code == 0, done.err
    assert "secret words" not in done.out
    assert still_running(await written(pids, 2)) == []
