"""Whatever tools and models do to each other, the turn ends in an answer or a clear word, and the server goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mdsa_server.embedded_ollama.request_body import RequestBody
from tests.fakes.script import Calls, Step
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import DOMAINS, RunningServer, make_settings, running

PLUGIN = '''
"""Tools that do what no tool should."""

import os
import time

from mdsa_server.plugin_api import Tool, hookimpl


def break_down() -> str:
    """Break down."""
    raise RuntimeError("broken")


def hang() -> str:
    """Hang."""
    time.sleep(30)
    return "at last"


async def hang_softly() -> str:
    """Hang, and let others go on."""
    import asyncio
    await asyncio.sleep(30)
    return "at last"


def tell_all() -> str:
    """Tell 50 MB."""
    return "x" * 50_000_000


def tell_objects() -> list:
    """Tell 50 MB of JSON."""
    return ["x" * 1000] * 50_000


def give_bytes() -> object:
    """Give what is no text."""
    return object()


def fork() -> str:
    """Fork."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    return "forked"


def leave() -> str:
    """Try to end the server."""
    raise SystemExit(3)


@hookimpl
def register_tools(context):
    return [Tool(one) for one in (break_down, hang, hang_softly, tell_all, tell_objects, give_bytes, fork, leave)]
'''

# A hundred milliseconds are the aim; a busy machine is allowed ten times that.
LONGEST_SECONDS = 1.0
# A process that has run many tests before is large, and to fork it on a busy machine takes longer than one may think.
TOOL_SECONDS = 3.0


@pytest.fixture
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "bad_tools.py").write_text(PLUGIN, "utf-8")
    host = {"directories": [str(tmp_path / "plugins")], "disabled": ["embedding_router"]}
    names = ["break_down", "hang", "hang_softly", "tell_all", "tell_objects", "give_bytes", "fork", "leave"]
    domains: dict[str, Any] = {**DOMAINS, "general": {"description": "Everything else", "tools": names}}
    settings = make_settings(
        tmp_path, engine=engine.url, plugin_host=host, domains=domains, tools={"timeout": TOOL_SECONDS, "max_rounds": 3}
    )
    async with running(settings) as server:
        yield server


@asynccontextmanager
async def responsive(server: RunningServer) -> AsyncIterator[None]:
    """See that the server answers all the while."""
    slowest = 0.0

    async def look() -> None:
        nonlocal slowest
        while True:
            began = time.monotonic()
            assert (await server.client.get("/health/live")).status_code == 200
            slowest = max(slowest, time.monotonic() - began)
            await asyncio.sleep(0.02)

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
    assert 0 < slowest < LONGEST_SECONDS


def model_says(engine: ScriptedOllama, says: Any) -> None:
    (model,) = engine.models.values()
    model.says = says


async def answered(server: RunningServer) -> dict[str, Any]:
    response = await server.client.post("/api/chat", json={"message": "hello"})
    assert response.status_code == 200, response.text
    turn: dict[str, Any] = response.json()["turn"]
    assert turn["outcome"] == "answered"
    return turn


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize(
    ("tool", "outcome"),
    [
        ("break_down", "failed"),
        ("hang", "failed"),
        ("hang_softly", "failed"),
        ("tell_all", "returned"),
        ("tell_objects", "returned"),
        ("give_bytes", "failed"),
        ("fork", "returned"),
        ("leave", "failed"),
        ("no_such_tool", "unknown"),
    ],
)
async def test_a_tool_that_misbehaves_ends_in_an_answer(
    server: RunningServer, engine: ScriptedOllama, tool: str, outcome: str
) -> None:
    model_says(engine, lambda asked: ("Well.",) if asked.messages[-1]["role"] == "tool" else (Calls(tool, {}),))
    async with responsive(server):
        turn = await answered(server)
    assert turn["answer"] == "Well."
    assert [run["outcome"] for run in turn["tool_runs"]] == [outcome]
    assert len(turn["tool_runs"][0]["result"]) < 20_000


async def test_a_model_that_calls_without_end_is_made_to_answer(server: RunningServer, engine: ScriptedOllama) -> None:
    model_says(engine, lambda asked: (Calls("give_bytes", {}),) * 50 if asked.tools else ("Well.",))
    async with responsive(server):
        turn = await answered(server)
    assert turn["answer"] == "Well."
    assert len(turn["tool_runs"]) <= 8


async def test_a_model_that_never_answers_but_calls_is_at_an_end_too(
    server: RunningServer, engine: ScriptedOllama
) -> None:
    def says(asked: RequestBody) -> Sequence[Step]:
        return (Calls("tell_all", {}),)

    model_says(engine, says)
    async with responsive(server):
        turn = await answered(server)
    assert turn["answer"] == "The model made no answer of what the tools gave."


@pytest.mark.parametrize(
    "arguments",
    [
        {"a": {"b": [{"c": [[[[1]]]]}]}},
        {"": ""},
        {"hang": {"function": {"name": "hang", "arguments": {}}}},
    ],
)
async def test_calls_within_calls_are_no_arguments(
    server: RunningServer, engine: ScriptedOllama, arguments: dict[str, Any]
) -> None:
    model_says(engine, lambda asked: (Calls("break_down", arguments),) if asked.tools else ("Well.",))
    turn = await answered(server)
    assert {run["outcome"] for run in turn["tool_runs"]} == {"invalid"}
    assert turn["answer"] == "Well."


async def test_a_call_nested_without_end_is_a_clear_problem(server: RunningServer, engine: ScriptedOllama) -> None:
    nested: dict[str, Any] = {}
    for _ in range(500):
        nested = {"a": nested}
    model_says(engine, lambda asked: (Calls("break_down", nested),) if asked.tools else ("Well.",))
    async with responsive(server):
        response = await server.client.post("/api/chat", json={"message": "hello"})
    assert response.status_code in (200, 502), response.text
