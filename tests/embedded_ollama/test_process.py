"""The stand-in's life: it loads when first asked, survives its runner, and ends with its parent."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest

from mdsa_server.embedded_process import EmbeddedProcess, embedded_problem
from mdsa_server.errors import EngineDied
from mdsa_server.inference.ollama import OllamaClient
from mdsa_server.vocabulary.conversation import Message
from tests.wire.eventually import eventually

pytestmark = pytest.mark.skipif(embedded_problem() is not None, reason=f"the embedded engine: {embedded_problem()}")

MODEL = "smollm2:135m"
STORY = [Message(role="user", content="Tell me a long story about a fox.")]


@pytest.fixture
async def embedded() -> AsyncIterator[EmbeddedProcess]:
    embedded = await EmbeddedProcess.start()
    yield embedded
    await embedded.stop()


@pytest.fixture
async def client(embedded: EmbeddedProcess) -> AsyncIterator[OllamaClient]:
    client = OllamaClient(embedded.url)
    yield client
    await client.close()


def stand_in(url: str) -> psutil.Process:
    """Find the process that listens at a URL, among our descendants."""
    port = int(url.rsplit(":", 1)[1])
    for process in psutil.Process().children(recursive=True):
        if any(connection.laddr.port == port for connection in process.net_connections(kind="tcp")):
            return process
    raise LookupError(url)


async def all_gone(processes: list[psutil.Process]) -> None:
    async def gone() -> bool:
        return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes)

    await eventually(gone)


async def test_nothing_is_loaded_before_it_is_asked(embedded: EmbeddedProcess, client: OllamaClient) -> None:
    await client.installed()
    await client.show(MODEL)
    assert stand_in(embedded.url).children() == []
    await client.load(MODEL, options={}, keep_alive="5m")
    assert len(stand_in(embedded.url).children()) == 1


async def test_unloading_ends_the_process_that_held_the_weights(
    embedded: EmbeddedProcess, client: OllamaClient
) -> None:
    await client.load(MODEL, options={}, keep_alive="5m")
    runners = stand_in(embedded.url).children()
    await client.unload(MODEL)
    await all_gone(runners)
    assert embedded.alive


async def test_a_runner_that_dies_breaks_its_answer_and_the_next_one_is_whole(
    embedded: EmbeddedProcess, client: OllamaClient
) -> None:
    async with aclosing(client.chat(MODEL, STORY, options={}, keep_alive="5m")) as chunks:
        await anext(chunks)
        for runner in stand_in(embedded.url).children():
            runner.kill()
        with pytest.raises(EngineDied, match="llama runner process has terminated"):
            [chunk async for chunk in chunks]
    async with aclosing(client.chat(MODEL, STORY, options={"num_predict": 2}, keep_alive="5m")) as chunks:
        assert [chunk async for chunk in chunks][-1].done


async def test_it_stops_while_it_generates(embedded: EmbeddedProcess, client: OllamaClient) -> None:
    async with aclosing(client.chat(MODEL, STORY, options={}, keep_alive="5m")) as chunks:
        await anext(chunks)
        processes = [stand_in(embedded.url), *stand_in(embedded.url).children()]
        await embedded.stop()
        assert not embedded.alive
        await all_gone(processes)


PARENT = """
import asyncio, sys
from mdsa_server.embedded_process import EmbeddedProcess
from mdsa_server.inference.ollama import OllamaClient

async def main():
    embedded = await EmbeddedProcess.start()
    await OllamaClient(embedded.url).load("smollm2:135m", options={}, keep_alive="5m")
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[bytes]]:
    root = Path(__file__).parents[2]
    process = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, cwd=root)
    with process:
        yield process
        process.kill()


async def test_it_ends_when_its_parent_is_killed(parent: subprocess.Popen[bytes]) -> None:
    assert parent.stdout is not None
    while b"ready" not in parent.stdout.readline():
        assert parent.poll() is None
    descendants = psutil.Process(parent.pid).children(recursive=True)
    assert len(descendants) >= 2
    parent.kill()
    parent.wait()
    await all_gone(descendants)


def test_by_hand_it_prints_where_it_listens_and_ends_with_its_input() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mdsa_server.embedded_ollama"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert json.loads(done.stdout)["url"].startswith("http://127.0.0.1:")
