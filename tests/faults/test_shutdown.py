"""A server that is told to end lets turns finish and marks those that do not; it leaves no process behind."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from tests.fakes.script import HANGS, ScriptedModel, Step
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.faults.ledger import STREAM
from tests.faults.listening import until
from tests.faults.server_process import started
from tests.plugins.mcp_serving import SERVER, still_running

MCP = f"""
[plugins.mcp_tools.servers.own]
command = ["{sys.executable}", "{SERVER}", "stdio"]
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals for one process")


@pytest.fixture
async def engine(model: ScriptedModel) -> AsyncIterator[ScriptedOllama]:
    async with ScriptedOllama(model, ScriptedModel(name="embeds", capabilities=("embedding",))) as engine:
        yield engine


@asynccontextmanager
async def followed(client: httpx.AsyncClient, message: str) -> AsyncIterator[tuple[str, AsyncIterator[str]]]:
    """Begin a turn; give its id, and the lines of its events from its first token on."""
    async with client.stream("POST", "/api/chat", json={"message": message}, headers=STREAM) as response:
        lines = response.aiter_lines()
        async for line in lines:
            if line == "event: token":
                break
        yield response.headers["X-MDSA-Turn"], lines


async def test_running_turns_may_end_others_are_marked_and_new_ones_are_told_when_to_come_back(
    tmp_path: Path, engine: ScriptedOllama, model: ScriptedModel
) -> None:
    gate = asyncio.Event()
    answers: dict[str, list[Step]] = {
        "whole": ["Half", gate, " and whole"],
        "part": ["Half", HANGS],
        "late": ["In time."],
    }
    model.says = lambda asked: answers[str(asked.messages[-1]["content"])]
    with started(tmp_path, engine.url, patience=3.0) as server:
        async with (
            server.client() as client,
            followed(client, "whole") as (whole, to_its_end),
            followed(client, "part") as (part, cut),
        ):
            server.process.send_signal(signal.SIGTERM)
            while (refused := await client.post("/api/chat", json={"message": "late"})).is_success:
                pass  # It has not heeded the signal yet.
            assert (refused.status_code, refused.json()["code"]) == (503, "server-closing")
            assert refused.headers["Retry-After"] == "2"
            assert (await client.get("/health/live")).is_success
            assert (await client.get("/health/ready")).status_code == 503
            gate.set()
            assert "event: turn_finished" in [line async for line in to_its_end]
            assert "event: turn_failed" in [line async for line in cut]
        assert await server.ended() == 0
        assert "Traceback" not in server.log()
    with started(tmp_path, engine.url) as server:
        async with server.client() as client:
            told = (await client.get(f"/api/turns/{whole}")).json()
            assert (told["outcome"], told["answer"]) == ("answered", "Half and whole")
            told = (await client.get(f"/api/turns/{part}")).json()
            assert (told["outcome"], told["problem"]["code"], told["answer"]) == ("failed", "server-stopped", "Half")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_no_process_outlives_the_server(tmp_path: Path, engine: ScriptedOllama, number: signal.Signals) -> None:
    with started(tmp_path, engine.url, MCP) as server:
        async with server.client() as client:
            files = {"files": ("pump.md", b"Oil the bearing.")}
            sent = await client.post("/api/documents/upload", data={"collection": "manuals"}, files=files)
            assert sent.is_success, sent.text
            # What reads documents is kept a while for the next one.
            children = psutil.Process(server.process.pid).children(recursive=True)
            kinds = [child.cmdline() for child in children]
            assert any(str(SERVER) in kind for kind in kinds)
            assert any("mdsa_server.knowledge.reading_child" in kind for kind in kinds)
        server.process.send_signal(number)
        await server.ended()
        await until(lambda: not still_running([child.pid for child in children]))
