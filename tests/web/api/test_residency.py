"""Turns wait for their model in a line that callers can see, and that has an end."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, make_settings, running
from tests.web.api.reading import ask, frames_of

SMALL, LARGE = "small:1b", "large:8b"


@pytest.fixture
async def engine() -> AsyncIterator[ScriptedOllama]:
    async with ScriptedOllama(ScriptedModel(name=SMALL), ScriptedModel(name=LARGE)) as engine:
        yield engine


@pytest.fixture
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    domains = {
        "general": {"description": "Everything else", "model": SMALL},
        "code": {"description": "Programs", "keywords": ["python"], "model": LARGE},
        "either": {"description": "What any can answer", "keywords": ["haiku"], "models": [LARGE, SMALL]},
    }
    residency = {"max_models": 1, "max_line": 1, "prefer": "warm"}
    async with running(make_settings(tmp_path, engine=engine.url, domains=domains, residency=residency)) as server:
        yield server


async def streamed(client: httpx.AsyncClient, message: str) -> list[tuple[str, dict[str, object]]]:
    body = {"message": message}
    async with client.stream("POST", "/api/chat", json=body, headers={"Accept": "text/event-stream"}) as response:
        return [(name, data) for _, name, data in await frames_of(response)]


async def test_a_turn_tells_its_place_in_the_line_and_the_loading_and_the_next_is_refused(
    client: httpx.AsyncClient, engine: ScriptedOllama
) -> None:
    gate = asyncio.Event()
    engine.models[SMALL].says = ["Hello", gate]
    first = asyncio.create_task(ask(client, "hello"))
    await engine.until(lambda: any(body["messages"] for body in engine.asked("/api/chat")))
    second = asyncio.create_task(streamed(client, "python"))
    while len((await client.get("/api/metrics")).json()["turns"]["turns_by_domain"]) < 2:  # noqa: ASYNC110  # over HTTP
        await asyncio.sleep(0.01)
    refused = await client.post("/api/chat", json={"message": "more python"})
    assert (refused.status_code, refused.json()["code"]) == (503, "line-full")
    assert int(refused.headers["Retry-After"]) == refused.json()["retry_after"] > 0
    assert "max_line" in refused.json()["mend"]
    gate.set()
    await first
    events = dict(await second)
    assert (events["model_waiting"]["place"], events["model_waiting"]["reason"]) == (1, "in use")
    assert events["model_loading"]["model"] == LARGE
    assert "turn_finished" in events


async def test_a_domain_with_several_models_may_be_answered_by_one_that_is_in_memory(
    client: httpx.AsyncClient, engine: ScriptedOllama
) -> None:
    await ask(client, "hello")
    turn = await ask(client, "a haiku")
    assert (turn["domain"], turn["model"]) == ("either", SMALL)
    events = (await client.get(f"/api/turns/{turn['id']}/events")).text
    assert '"type":"model_chosen"' in events
    assert engine.memory.loads == [SMALL]
