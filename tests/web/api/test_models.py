"""Models are listed with their use, and brought into memory and out of it."""

import httpx

from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.web.api.reading import ask


async def use_of(client: httpx.AsyncClient, model: str) -> dict[str, object]:
    rows = (await client.get("/api/models")).json()["models"]
    use: dict[str, object] = next(row["use"] for row in rows if row["installed"]["name"] == model)
    return use


async def test_a_models_use_is_told(client: httpx.AsyncClient) -> None:
    await ask(client, "hello")
    use = await use_of(client, "scripted:1b")
    assert (use["in_use"], use["waiting"], use["loads"], use["pinned"]) == (0, 0, 1, False)
    assert use["idle_seconds"] is not None


async def test_a_model_is_loaded_pinned_and_unloaded(client: httpx.AsyncClient, engine: ScriptedOllama) -> None:
    engine.models["other:1b"] = ScriptedModel(name="other:1b")
    for verb, resident, pinned in (
        ("load", True, False),
        ("pin", True, True),
        ("unpin", True, False),
        ("unload", False, False),
    ):
        assert (await client.post(f"/api/models/{verb}", json={"name": "other:1b"})).status_code == 204
        assert ("other:1b" in engine.memory.now()) == resident
        assert (await use_of(client, "other:1b"))["pinned"] == pinned


async def test_what_cannot_be_done_with_a_model_is_said(client: httpx.AsyncClient) -> None:
    for verb in ("load", "unload", "pin", "unpin"):
        unknown = await client.post(f"/api/models/{verb}", json={"name": "nothing:1b"})
        assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown-model")
        assert (await client.post(f"/api/models/{verb}", json={"name": ""})).status_code == 400
