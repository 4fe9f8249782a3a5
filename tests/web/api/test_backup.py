"""A copy of the database over REST: taken while it is written to, and as good as what it was copied from."""

import asyncio
import shutil
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import BinaryIO

import httpx
import pytest

from mdsa_server.store.backup import copy_database
from mdsa_server.store.data_folder import DATABASE_FILE, server_of
from mdsa_server.store.secrets import PEPPER_FILE
from mdsa_server.store.soundness import faults_of
from mdsa_server.web.api import backup
from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.faults.listening import until
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


async def test_no_other_sites_page_has_a_copy_made_but_one_that_shows_a_key(server: RunningServer) -> None:
    image = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    for headers in (
        image,
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ):
        refused = await server.client.get("/api/backup", headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "foreign-origin"), headers
    assert (await server.client.get("/api/backup", headers={"Sec-Fetch-Site": "same-origin"})).status_code == 200
    made = (await server.client.post("/api/keys", json={"name": "laptop", "scopes": ["admin"]})).json()
    shown = {"Authorization": f"Bearer {made['secret']}", "Sec-Fetch-Site": "cross-site"}
    assert (await server.client.get("/api/backup", headers=shown)).status_code == 200


class Copying:
    """Makes copies, each of which is at hand once `go` is set or nobody wants it any more."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go = threading.Event()
        self.made: list[BinaryIO] = []
        self.most_at_once = 0

    def __call__(self, source: Path, folder: Path, ended: Callable[[], bool]) -> BinaryIO:
        self.made.append(copy_database(source, folder, ended))
        self.most_at_once = max(self.most_at_once, sum(not copy.closed for copy in self.made))
        self.begun.release()
        while not (self.go.wait(0.005) or ended()):
            pass
        return self.made[-1]

    async def until_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.acquire, timeout=20)


async def test_copies_are_made_one_after_another_and_for_nobody_who_has_left(
    server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "copy_database", copying := Copying())
    lock = server.app.state.rooms.backing_up

    def waiting() -> int:
        return len(lock._waiters or ())

    def ask() -> asyncio.Task[httpx.Response]:
        return asyncio.create_task(server.client.get("/api/backup"))

    leaves = ask()
    await copying.until_begun()
    leaves.cancel()
    await until(lambda: copying.made[0].closed and not lock.locked())

    stays = [ask()]
    await copying.until_begun()
    stays.append(ask())
    await until(lambda: waiting() == 1)
    leaves = ask()
    await until(lambda: waiting() == 2)
    leaves.cancel()
    await until(lambda: waiting() == 1)
    copying.go.set()
    assert [(await answer).status_code for answer in stays] == [200, 200]
    assert (len(copying.made), copying.most_at_once) == (3, 1)
    assert list((tmp_path / "data").glob("backup-*")) == []


@pytest.mark.skipif(sys.platform == "win32", reason="there a file without content takes room too")
async def test_what_is_left_of_a_copy_is_not_sent_to_who_has_left(
    server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryFile(dir=tmp_path) as endless:
        endless.truncate(1 << 40)
        monkeypatch.setattr(backup, "copy_database", lambda *_: endless)
        async with server.client.stream("GET", "/api/backup") as response:
            await anext(response.aiter_raw())
        await until(lambda: endless.closed and not server.app.state.rooms.backing_up.locked())
