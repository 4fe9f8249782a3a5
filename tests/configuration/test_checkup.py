"""Each check of the doctor finds what it is there for, whatever else is broken, and changes nothing."""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest
import sqlite_vec

from mdsa_server.configuration import Loaded
from mdsa_server.configuration.checkup import checkup, data_folder, exposure, machine, server
from mdsa_server.configuration.checkup.whole import checked
from mdsa_server.store.access_keys import AccessKeys
from mdsa_server.store.data_folder import DATABASE_FILE, hold_data_folder
from mdsa_server.store.database import Database
from mdsa_server.store.secrets import PEPPER_FILE, pepper_of
from mdsa_server.vocabulary.checkup import Check
from tests.configuration.configurations import GENERAL, load_text
from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import make_settings, running

NOWHERE = "http://127.0.0.1:9"
"""The port of the discard protocol, where nobody listens."""
WELL = '[domains.general]\ndescription = "Anything"\nmodel = "chatty:1b"\n'

posix_alone = pytest.mark.skipif(os.name != "posix", reason="who else may read a file is said otherwise there")


@pytest.fixture
async def engine() -> AsyncIterator[ScriptedOllama]:
    async with ScriptedOllama(ScriptedModel(name="chatty:1b")) as engine:
        yield engine


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """A data folder as a server leaves it, with one access key."""
    folder = tmp_path / "data"
    with hold_data_folder(folder, None):
        database = await Database.open(folder / DATABASE_FILE)
        keys = await AccessKeys.open(database, pepper_of(folder))
        await keys.create("laptop", ("chat",))
        await database.close()
    return folder


def only(checks: list[Check], what: str) -> Check:
    (found,) = [check for check in checks if check.what == what]
    assert bool(found.mend) == (found.state != "ok"), "what is not well says how to mend it, and nothing else does"
    return found


def states(checks: list[Check]) -> dict[str, str]:
    return {check.what: check.state for check in checks}


# --- versions


def test_a_python_that_is_too_old_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert only(machine.python(), "Python").state == "ok"
    monkeypatch.setattr(machine, "OLDEST_PYTHON", (99, 0))
    assert only(machine.python(), "Python").state == "fault"


async def test_an_sqlite_without_vectors_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def look() -> list[Check]:
        return machine.sqlite()

    assert states(await checked("SQLite", look)) == {"SQLite": "ok", "sqlite-vec": "ok"}
    monkeypatch.setattr(sqlite_vec, "loadable_path", lambda: "/nowhere/vec0")
    assert only(await checked("SQLite", look), "SQLite").state == "fault"


# --- the configuration, plugins, engine and models


class Broken(NamedTuple):
    text: str
    what: str
    state: str
    found: str


@pytest.mark.parametrize(
    "broken",
    [
        Broken('model = "absent:7b"', "model of general", "fault", "does not have"),
        Broken("[domains.general.options]\ntemprature = 1", "configuration", "warning", "no such option"),
        Broken('[plugin_host]\ndirectories = ["own"]', "plugins", "warning", "quarantine"),
    ],
    ids=lambda broken: broken.what,
)
async def test_what_the_configuration_names_and_is_not_there_is_found(
    tmp_path: Path, engine: ScriptedOllama, broken: Broken
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "broken.py").write_text('raise RuntimeError("fell over")', "utf-8")
    loaded = load_text(tmp_path, f"{GENERAL}{broken.text}", overrides={"engine.url": engine.url})
    found = [check for check in await machine.configuration(loaded, {}) if check.state != "ok"]
    (check,) = found
    assert (check.what, check.state) == (broken.what, broken.state)
    assert broken.found in check.found
    assert check.mend


async def test_an_engine_that_does_not_answer_is_a_fault_since_nobody_is_answered(tmp_path: Path) -> None:
    loaded = load_text(tmp_path, GENERAL, overrides={"engine.url": NOWHERE})
    check = only(await machine.configuration(loaded, {}), "engine")
    assert (check.state, "ollama serve" in check.mend) == ("fault", True)


async def test_what_cannot_embed_is_found(tmp_path: Path, engine: ScriptedOllama) -> None:
    async def state(embedding: str) -> str:
        loaded = load_text(tmp_path, f"{GENERAL}[embedding]\n{embedding}", overrides={"engine.url": engine.url})

        async def look() -> list[Check]:
            return await machine.embedder(loaded, {})

        return only(await checked("embedding model", look), "embedding model").state

    assert await state('model = "auto"') == "ok"
    assert await state('model = "absent/none"') == "fault"
    assert await state('model = "absent/none"\noffline = false') == "warning"
    assert await state('provider = "ollama"\nmodel = "absent-embed"') == "fault"
    assert await state('provider = "ollama"\nmodel = "chatty:1b"') == "ok"


async def test_documents_that_cannot_be_read_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load_text(tmp_path, GENERAL)
    assert only(await machine.reading(loaded), "reading documents").state == "ok"
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert only(await machine.reading(loaded), "reading documents").state == "fault"


# --- the data folder


@posix_alone
@pytest.mark.parametrize(("mode", "state"), [(0o700, "ok"), (0o755, "warning"), (0o770, "fault"), (0o777, "fault")])
def test_a_folder_that_is_open_to_others_is_found(tmp_path: Path, mode: int, state: str) -> None:
    tmp_path.chmod(mode)
    assert only(data_folder.folder(tmp_path), "data folder").state == state


def test_a_folder_that_cannot_be_one_is_found(tmp_path: Path, data: Path) -> None:
    (tmp_path / "file").touch()
    assert only(data_folder.folder(tmp_path / "file"), "data folder").state == "fault"
    assert only(data_folder.folder(tmp_path / "not" / "there"), "data folder").state == "ok"
    assert only(data_folder.folder(data), "data folder").state == "ok", "a server makes it its owner's alone"


@pytest.mark.parametrize(("free", "state"), [(2 * 10**9, "ok"), (5 * 10**8, "warning"), (10**6, "fault")])
def test_a_disk_that_fills_up_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, state: str) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert only(data_folder.free_space(tmp_path / "not" / "there"), "free space").state == state


def test_a_damaged_database_is_found(tmp_path: Path, data: Path) -> None:
    assert only(data_folder.database(tmp_path), "database").state == "ok", "none was made yet"
    assert only(data_folder.database(data), "database").state == "ok"
    file = data / DATABASE_FILE
    content = file.read_bytes()
    file.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))
    check = only(data_folder.database(data), "database")
    assert (check.state, "backup" in check.mend) == ("fault", True)


# --- who can reach it


@posix_alone
def test_a_secret_that_others_may_read_or_that_is_spoilt_or_gone_is_found(data: Path) -> None:
    path = data / PEPPER_FILE
    assert only(exposure.secret(data), PEPPER_FILE).state == "ok"
    path.chmod(0o644)
    assert "chmod 600" in only(exposure.secret(data), PEPPER_FILE).mend
    path.write_bytes(b"short")
    assert "damaged" in only(exposure.secret(data), PEPPER_FILE).found
    path.unlink()
    assert only(exposure.secret(data), PEPPER_FILE).state == "fault"


def listening_at(folder: Path, host: str, data: Path) -> Loaded:
    return load_text(folder, GENERAL, overrides={"server.host": host, "store.path": str(data)})


def test_a_server_that_lets_other_machines_in_is_found(tmp_path: Path, data: Path) -> None:
    elsewhere, nothing = "0.0.0.0", tmp_path / "nothing"
    assert only(exposure.listening(listening_at(tmp_path, "127.0.0.1", data)), "exposure").state == "ok"
    assert only(exposure.listening(listening_at(tmp_path, elsewhere, nothing)), "exposure").state == "fault"
    check = only(exposure.listening(listening_at(tmp_path, elsewhere, data)), "exposure")
    assert (check.state, "TLS" in check.mend) == ("warning", True)


def test_a_server_behind_a_proxy_is_not_said_to_be_reached_by_this_machine_alone(tmp_path: Path, data: Path) -> None:
    def state(data: Path) -> str:
        text = f'{GENERAL}[server]\nallowed_hosts = ["mdsa.example.org"]\n'
        loaded = load_text(tmp_path, text, overrides={"store.path": str(data)})
        check = only(exposure.listening(loaded), "exposure")
        assert ("mdsa.example.org" in check.found, "alone" in check.found) == (True, False)
        return check.state

    assert (state(data), state(tmp_path / "nothing")) == ("ok", "warning")


# --- the server that runs


async def test_a_server_that_was_killed_is_told_from_one_that_answers_and_one_that_cannot(
    tmp_path: Path, engine: ScriptedOllama
) -> None:
    data = tmp_path / "data"
    assert only(await server.running(data), "server").found.startswith("none")
    async with running(make_settings(tmp_path, engine=engine.url)) as serving:
        assert only(await server.running(data), "server").state == "ok"
        database: Database = serving.app.state.rooms.database
        await database._run(database._writer, lambda db: db.pragma("query_only", 1))
        await serving.client.post("/api/chat", json={"message": "hello"})
        assert "store-read-only" in only(await server.running(data), "server").found
        await engine.stop()
        assert "is not ready" in only(await server.running(data), "server").found
        left = (data / "server.json").read_bytes()
    (data / "server.json").write_bytes(left)
    assert only(await server.running(data), "server").state == "warning"


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"[]"), (200, b'{"status": "up"}'), (200, b"\xff"), (503, b'{"error": "busy"}'), (503, b"null"), (302, b"")],
)
async def test_another_program_at_the_address_of_a_server_is_told_from_one(
    tmp_path: Path, status: int, body: bytes
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as other:
        url = f"http://127.0.0.1:{other.sockets[0].getsockname()[1]}"
        with hold_data_folder(tmp_path, url, "secret"):
            check = only(await server.running(tmp_path), "server")
    assert (check.state, "does not answer as it should" in check.found, check.mend) == ("fault", True, server.LOG)


# --- all of it


async def test_whatever_a_check_stumbles_over_is_told_and_the_rest_is_looked_at(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mdsa.toml").write_text(
        f"{WELL}[server]\nport = 'no port'\n[embedding]\nmodel = 'absent/none'\n", "utf-8"
    )

    def breaks(_: Path) -> list[Check]:
        raise ZeroDivisionError("fell over")

    monkeypatch.setattr(data_folder, "free_space", breaks)
    checks = await checkup(None, data, {"MDSA_ENGINE__URL": NOWHERE}, tmp_path)
    found = states(checks)
    assert "fell over" in only(checks, "free space").found
    assert (found["engine"], found["embedding model"], found["database"]) == ("fault", "fault", "ok")
    assert any("server.port" in check.found and check.state == "fault" for check in checks)


async def test_a_configuration_that_cannot_be_read_leaves_the_data_folder_to_be_looked_at(
    tmp_path: Path, data: Path
) -> None:
    (tmp_path / "mdsa.toml").write_text("this is no TOML", "utf-8")
    found = states(await checkup(None, data, {}, tmp_path))
    assert (found["configuration"], found["database"], found["Python"]) == ("fault", "ok", "ok")
    unknown = states(await checkup(None, None, {}, tmp_path))
    assert (unknown["configuration"], unknown["data folder"]) == ("fault", "warning")


async def test_nothing_is_changed(tmp_path: Path, data: Path, engine: ScriptedOllama) -> None:
    (tmp_path / "mdsa.toml").write_text(f"{WELL}[embedding]\nmodel = 'absent/none'\n", "utf-8")

    def seen() -> dict[str, tuple[int, bytes]]:
        files = (path for path in tmp_path.rglob("*") if path.is_file())
        return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    before = seen()
    await checkup(None, data, {"MDSA_ENGINE__URL": engine.url}, tmp_path)
    assert seen() == before
