"""A copy of the database over REST: taken while it is written to, and as good as what it was copied from."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mdsa_server.store.data_folder import DATABASE_FILE, server_of
from mdsa_server.store.secrets import PEPPER_FILE
from mdsa_server.store.soundness import faults_of
from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, make_settings, running

BY_THE_ENGINE = {"provider": "ollama", "model": "nomic-embed-text"}


@pytest.fixture
async def engine() -> AsyncIterator[ScriptedOllama]:
    embeds = ScriptedModel(name="nomic-embed-text:latest", capabilities=("embedding",))
    async with ScriptedOllama(ScriptedModel(name="small:1b"), embeds) as engine:
        yield engine


async def test_a_server_on_the_copy_has_conversations_documents_and_with_the_secret_keys(
    tmp_path: Path, engine: ScriptedOllama
) -> None:
    settings = make_settings(tmp_path, engine=engine.url, embedding=BY_THE_ENGINE)
    (tmp_path / "pump.md").write_text("# Pump\n\nOil the bearing every week.\n", "utf-8")
    async with running(settings) as server:
        turn = (await server.client.post("/api/chat", json={"message": "hello"})).json()["turn"]
        body = {"paths": [str(tmp_path / "pump.md")], "collection": "manuals"}
        assert (await server.client.post("/api/documents", json=body)).json()["finished"]["new"] == 1
        made = await server.client.post("/api/keys", json={"name": "laptop", "scopes": ["chat", "admin"]})
        key = {"Authorization": f"Bearer {made.json()['secret']}"}
        copy = await server.client.get("/api/backup", headers=key)
        assert copy.status_code == 200
        assert int(copy.headers["content-length"]) == len(copy.content)
        assert copy.headers["content-disposition"].endswith('.sqlite3"')

    for with_secret in (True, False):
        restored = tmp_path / f"restored-{with_secret}"
        (restored / "data").mkdir(parents=True)
        (restored / "data" / DATABASE_FILE).write_bytes(copy.content)
        assert faults_of(restored / "data" / DATABASE_FILE, whole=True) == []
        if with_secret:
            shutil.copy(tmp_path / "data" / PEPPER_FILE, restored / "data")
        async with running(make_settings(restored, engine=engine.url, embedding=BY_THE_ENGINE)) as server:
            by_key = await server.client.get("/api/keys", headers=key)
            assert by_key.status_code == (200 if with_secret else 401)
            address = server_of(restored / "data")
            assert address
            terminal = {"Authorization": f"Bearer {address.secret}"}
            path = f"/api/conversations/{turn['conversation']}"
            conversation = (await server.client.get(path, headers=terminal)).json()
            assert [one["answer"] for one in conversation["turns"]] == [turn["answer"]]
            asked = {"message": "bearing", "collections": ["manuals"]}
            (found, *_) = (await server.client.post("/api/search", json=asked, headers=terminal)).json()["passages"]
            assert "Oil the bearing" in found["text"]


async def test_a_copy_is_whole_though_messages_are_saved_meanwhile(server: RunningServer, tmp_path: Path) -> None:
    async def talk() -> None:
        for number in range(10):
            await server.client.post("/api/chat", json={"message": f"message {number}"})

    talking = asyncio.create_task(talk())
    copies = [await server.client.get("/api/backup") for _ in range(3)]
    await talking
    for number, copy in enumerate(copies):
        path = tmp_path / f"copy-{number}"
        path.write_bytes(copy.content)
        assert faults_of(path, whole=True) == []
    assert list((tmp_path / "data").glob("backup-*")) == [], "what was sent is not left lying about"


async def test_a_copy_that_cannot_be_made_is_told(server: RunningServer, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / DATABASE_FILE).rename(tmp_path / "elsewhere")
    refused = await server.client.get("/api/backup")
    (tmp_path / "elsewhere").rename(data / DATABASE_FILE)
    assert (refused.status_code, refused.json()["code"].startswith("store-")) == (503, True)
    assert list(data.glob("backup-*")) == []
