"""A database that cannot be written to, or read: messages are answered all the same, and saved once they can be."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from mdsa_server.app import open_rooms
from mdsa_server.chat import saving, unsaved
from mdsa_server.errors import StoreDamaged, StoreUnusable
from mdsa_server.store import database as store
from mdsa_server.store.data_folder import DATABASE_FILE, hold_data_folder
from mdsa_server.store.database import Database
from mdsa_server.store.soundness import faults_of
from mdsa_server.web.rooms import Rooms
from tests.cli.terminal import Terminal
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.faults.disks import small_disk, unwritable
from tests.serving import RunningServer, loaded, make_settings, running

PATIENCE_SECONDS = 20
LONG = "a message of some length " * 40
MOST_MESSAGES = 400
"""After so many of them a full disk must have been noticed: the log's own room is used up first."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "TRY_AGAIN_SECONDS", 0.02)
    monkeypatch.setattr(store, "LOCK_MS", 50)
    monkeypatch.setattr(saving, "SAVE_AGAIN_SECONDS", 0.02)


async def said(client: httpx.AsyncClient, message: str, conversation: str | None = None) -> dict[str, Any]:
    answer = await client.post("/api/chat", json={"message": message, "conversation": conversation})
    assert answer.status_code == 200, answer.text
    turn: dict[str, Any] = answer.json()["turn"]
    assert turn["answer"] == "Hello there."
    return turn


async def until(done: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await done():  # noqa: ASYNC110  # what ends it is seen from outside alone
            await asyncio.sleep(0.02)


async def store_of(client: httpx.AsyncClient) -> str:
    return str((await client.get("/health/live")).json()["store"])


async def recovers(server: RunningServer) -> None:
    """Wait until the server has found by itself that all can be saved again, and has."""

    async def recovered() -> bool:
        rooms: Rooms = server.app.state.rooms
        return await store_of(server.client) == "ok" and len(rooms.live_turns) == 0

    await until(recovered)


async def assert_kept(path: Path, turns: list[dict[str, Any]]) -> None:
    """See that a database is sound, has every one of these turns whole, and nothing half-made."""
    assert faults_of(path, whole=True) == []
    database = await Database.open(path)
    rows = await database.read(
        lambda db: db.execute("select id, message, answer, outcome, parent from turns").fetchall()
    )
    await database.close()
    kept = {row[0]: row[1:] for row in rows}
    for turn in turns:
        assert kept[turn["id"]] == (turn["message"], turn["answer"], "answered", turn["parent"])
    assert {row[3] for row in rows} == {"answered"}


async def test_a_full_disk_ends_no_conversation_and_loses_nothing_that_was_said(
    tmp_path: Path, engine: ScriptedOllama
) -> None:
    with small_disk(tmp_path / "data") as disk:
        async with running(make_settings(tmp_path, engine=engine.url)) as server:
            database: Database = server.app.state.rooms.database
            turns = [await said(server.client, "before")]
            conversation = turns[0]["conversation"]
            await disk.fill(database)
            while turns[-1]["unsaved"] is None and len(turns) < MOST_MESSAGES:
                turns.append(await said(server.client, LONG, conversation))
            assert turns[-1]["unsaved"]["code"] == "store-full"
            assert "Free some space" in turns[-1]["unsaved"]["mend"]
            assert await store_of(server.client) == "store-full"

            # It goes on from what is not saved, in the same conversation and in a new one.
            turns.append(await said(server.client, "after that", conversation))
            assert turns[-1]["parent"] == turns[-2]["id"]
            messages = [message["content"] for message in engine.asked("/api/chat")[-1]["messages"]]
            assert messages[-3:] == [LONG, "Hello there.", "after that"]
            anew = await said(server.client, "anew")
            turns.append(anew)
            page = (await server.client.get(f"/chat/{anew['conversation']}")).text
            assert "Not saved yet" in page
            assert 'class="trouble"' in page
            assert (await server.client.get(f"/api/turns/{anew['id']}")).json() == anew
            assert (await server.client.get(f"/turns/{anew['id']}")).status_code == 200
            taken = (await server.client.get(f"/api/conversations/{conversation}/export")).text
            assert ["before" in taken, LONG.strip() in taken, "after that" in taken] == [True] * 3

            await disk.free(database)
            await recovers(server)
            turns.append(await said(server.client, "room again", conversation))
            assert turns[-1]["unsaved"] is None
            page = (await server.client.get(f"/chat/{anew['conversation']}")).text
            assert "Not saved yet" not in page
            assert 'class="trouble"' not in page
            told = (await server.client.get(f"/api/conversations/{conversation}")).json()["turns"]
            assert [turn["id"] for turn in told] == [turn["id"] for turn in turns if turn is not anew]
        await assert_kept(tmp_path / "data" / DATABASE_FILE, turns)


HOLDS = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("begin immediate")
print("held", flush=True)
sys.stdin.read()
"""


@asynccontextmanager
async def locked(path: Path) -> AsyncIterator[None]:
    """Have another program hold the database; within one process SQLite's locks do not tell two libraries apart."""
    holder = await asyncio.create_subprocess_exec(sys.executable, "-c", HOLDS, str(path), stdin=PIPE, stdout=PIPE)
    assert holder.stdin
    assert holder.stdout
    try:
        assert (await holder.stdout.readline()).strip() == b"held"
        yield
    finally:
        holder.stdin.close()
        await holder.wait()


async def test_a_database_that_another_program_holds_is_waited_for_and_the_messages_are_answered(
    tmp_path: Path, engine: ScriptedOllama
) -> None:
    path = tmp_path / "data" / DATABASE_FILE
    async with running(make_settings(tmp_path, engine=engine.url)) as server:
        async with locked(path):
            first = await said(server.client, "one")
            assert first["unsaved"]["code"] == await store_of(server.client) == "store-locked"
            refused = await server.client.post("/api/keys", json={"name": "another"})
            assert (refused.status_code, refused.headers.get("Retry-After")) == (503, "2")
            second = await said(server.client, "two", first["conversation"])
        await recovers(server)
    await assert_kept(path, [first, second])


async def test_a_database_that_may_only_be_read_is_told_and_access_keys_still_open(
    tmp_path: Path, engine: ScriptedOllama
) -> None:
    async with running(make_settings(tmp_path, engine=engine.url)) as server:
        made = await server.client.post("/api/keys", json={"name": "laptop", "scopes": ["chat", "admin"]})
        server.client.headers["Authorization"] = f"Bearer {made.json()['secret']}"
        async with unwritable(server.app.state.rooms.database):
            turn = await said(server.client, "one")
            assert turn["unsaved"]["code"] == "store-read-only"
            # What cannot be done without the store is refused, and says why.
            refused = await server.client.post("/api/keys", json={"name": "another"})
            assert (refused.status_code, refused.json()["code"]) == (503, "store-read-only")
            assert "Retry-After" not in refused.headers, "waiting alone mends nothing"
        await recovers(server)
        assert [key["name"] for key in (await server.client.get("/api/keys")).json()] == ["laptop"]
    await assert_kept(tmp_path / "data" / DATABASE_FILE, [turn])


async def test_a_conversation_that_is_not_saved_is_deleted_for_good(tmp_path: Path, engine: ScriptedOllama) -> None:
    async with running(make_settings(tmp_path, engine=engine.url)) as server:
        async with unwritable(server.app.state.rooms.database):
            turn = await said(server.client, "one")
            path = f"/api/conversations/{turn['conversation']}"
            assert (await server.client.delete(path)).status_code == 503, (
                "what may be in the store is not said to be gone"
            )
            assert (await server.client.get(f"/api/turns/{turn['id']}")).status_code == 200
        await recovers(server)
        assert (await server.client.delete(path)).status_code == 204
        assert (await server.client.get(f"/api/turns/{turn['id']}")).status_code == 404


async def test_an_unsaved_turn_is_its_owners_alone(tmp_path: Path, engine: ScriptedOllama) -> None:
    async with running(make_settings(tmp_path, engine=engine.url)) as server:
        rooms: Rooms = server.app.state.rooms
        keys = [(await rooms.doorkeeper.keys.create(name, ("chat",)))[1] for name in ("mine", "theirs")]
        mine, theirs = ({"Authorization": f"Bearer {secret}"} for secret in keys)
        async with unwritable(server.app.state.rooms.database):
            turn = (await server.client.post("/api/chat", json={"message": "secret"}, headers=mine)).json()["turn"]
            assert (await server.client.get(f"/api/turns/{turn['id']}", headers=theirs)).status_code == 404
            for place in ({"conversation": turn["conversation"]}, {"after": turn["id"]}, {"instead_of": turn["id"]}):
                asked = await server.client.post("/api/chat", json={"message": "go on"} | place, headers=theirs)
                assert asked.status_code == 404, place
            assert (await server.client.get(f"/chat/{turn['conversation']}", headers=theirs)).status_code == 404


async def test_damage_that_is_found_while_it_runs_stops_the_saving_and_not_the_chat(
    tmp_path: Path, engine: ScriptedOllama
) -> None:
    settings = make_settings(tmp_path, engine=engine.url)
    path = tmp_path / "data" / DATABASE_FILE
    async with running(settings) as server:
        database: Database = server.app.state.rooms.database
        turns = [await said(server.client, f"{LONG}{number}") for number in range(30)]
        await database._run(database._writer, lambda db: db.execute("pragma wal_checkpoint(truncate)").fetchall())
        spoil(path)
        for thread in (database._writer, *[database._readers] * store.READERS * 4):
            # The server's own work may have found the damage by now; then this stumbles over it too.
            with suppress(StoreDamaged):
                await database._run(thread, lambda db: db.execute("pragma shrink_memory").fetchall())
        turn = await said(server.client, "one", turns[0]["conversation"])
        assert turn["unsaved"]["code"] == await store_of(server.client) == "store-damaged"
        assert turn["history_problem"]["code"] == "store-damaged"
        before = path.read_bytes()
        assert (await said(server.client, "two"))["unsaved"]["code"] == "store-damaged"
        page = (await server.client.get("/chat")).text
        assert 'class="trouble"' in page
        assert "put a backup in its place" in page
        key = await server.client.post("/api/keys", json={"name": "another"})
        assert (key.status_code, key.headers.get("Retry-After")) == (503, None)
        assert path.read_bytes() == before, "nothing more is written to what is damaged"

    with pytest.raises(StoreDamaged, match="damaged") as refused:
        async with open_rooms(loaded(settings, lambda: settings), url=None, exposed=False):
            pass
    assert "backup" in refused.value.mend


def spoil(path: Path) -> None:
    """Overwrite all pages but the first, as a disk does that fails."""
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    with path.open("r+b") as file:
        file.write(content)


async def test_the_terminal_says_that_a_turn_is_not_saved(
    terminal: Terminal, engine: ScriptedOllama, tmp_path: Path
) -> None:
    async with (
        running(make_settings(tmp_path, engine=engine.url)) as server,
        unwritable(server.app.state.rooms.database),
    ):
        asked = await terminal.mdsa("ask", "hello")
    assert (asked.code, asked.out.strip()) == (0, "Hello there.")
    assert "not saved" in asked.err


async def test_of_very_many_that_cannot_be_saved_the_oldest_are_let_go(
    tmp_path: Path, engine: ScriptedOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unsaved, "MOST_UNSAVED", 3)
    async with running(make_settings(tmp_path, engine=engine.url)) as server:
        async with unwritable(server.app.state.rooms.database):
            first = await said(server.client, "0")
            turns = [first, *[await said(server.client, str(n), first["conversation"]) for n in range(1, 5)]]
            assert len((server.app.state.rooms).live_turns) == 3
        await recovers(server)
        statuses = [(await server.client.get(f"/api/turns/{turn['id']}")).status_code for turn in turns]
        assert statuses == [404, 404, 200, 200, 200]
        kept = (await server.client.get(f"/api/conversations/{first['conversation']}")).json()["turns"]
    assert [turn["message"] for turn in kept] == ["2", "3", "4"], "the conversation begins with the first that is left"


def test_a_disk_that_is_full_at_the_start_is_told_as_such(tmp_path: Path) -> None:
    with small_disk(tmp_path / "data") as disk:
        if not disk.mounted:
            pytest.skip("no file system may be mounted here")
        disk.fill_up()
        with pytest.raises(StoreUnusable) as refused, hold_data_folder(tmp_path / "data", "http://127.0.0.1:1", "x"):
            pass
    assert "Free some space" in refused.value.mend
