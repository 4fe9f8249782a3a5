"""A server whose texts are embedded by one of the engine's own models."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, make_settings, running

EMBEDS = "nomic-embed-text:latest"


@pytest.fixture
async def engine() -> AsyncIterator[ScriptedOllama]:
    chats = ScriptedModel(name="small:1b")
    async with ScriptedOllama(chats, ScriptedModel(name=EMBEDS, capabilities=("embedding",))) as engine:
        yield engine


@pytest.fixture
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    embedding = {"provider": "ollama", "model": "nomic-embed-text"}
    settings = make_settings(tmp_path / "data", engine=engine.url, embedding=embedding, residency={"max_models": 1})
    async with running(settings) as server:
        yield server


async def test_documents_are_embedded_and_found_by_the_engines_model(
    server: RunningServer, engine: ScriptedOllama, tmp_path: Path
) -> None:
    document = tmp_path / "pump.md"
    document.write_text("Oil the bearing every week.")
    added = await server.client.post("/api/documents", json={"paths": [str(document)], "collection": "manuals"})
    assert added.json()["finished"]["new"] == 1
    (found,) = (await server.client.post("/api/search", json={"message": "bearing"})).json()["passages"]
    assert set(found["scores"]) == {"bm25", "cosine", "feedback", "fusion", "words"}
    texts = [text for asked in engine.asked("/api/embed") for text in asked["input"]]
    assert texts == ["pump\nOil the bearing every week.", "bearing"]


async def test_a_model_that_only_embeds_takes_a_place_in_memory_and_leaves_it(
    server: RunningServer, engine: ScriptedOllama
) -> None:
    await server.client.post("/api/search", json={"message": "bearing"})
    assert [model["name"] for model in await resident(server)] == [EMBEDS]
    assert (await server.client.post("/api/models/unload", json={"name": "nomic-embed-text"})).is_success
    assert await resident(server) == []
    assert (await server.client.post("/api/models/load", json={"name": "nomic-embed-text"})).is_success
    assert [model["name"] for model in await resident(server)] == [EMBEDS]
    answer = await server.client.post("/api/chat", json={"message": "hello"})
    assert answer.is_success, answer.text
    assert [model["name"] for model in await resident(server)] == ["small:1b"]


async def test_where_the_engine_lacks_the_model_documents_wait_and_the_mend_is_told(
    server: RunningServer, engine: ScriptedOllama, tmp_path: Path
) -> None:
    del engine.models[EMBEDS]
    document = tmp_path / "pump.md"
    document.write_text("Oil the bearing every week.")
    answer = await server.client.post("/api/documents", json={"paths": [str(document)], "collection": "manuals"})
    assert (answer.status_code, answer.json()["code"]) == (503, "embedder-unavailable")
    assert "mdsa models pull nomic-embed-text" in answer.json()["mend"]


def test_auto_is_no_model_of_the_engine(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="no model of the engine"):
        make_settings(tmp_path, engine="http://127.0.0.1:1", embedding={"provider": "ollama"})


async def resident(server: RunningServer) -> list[dict[str, object]]:
    rows = (await server.client.get("/api/models")).json()["models"]
    return [row["resident"] for row in rows if row["resident"]]
