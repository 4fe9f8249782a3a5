"""Transactions, threads, and files that cannot be used."""

import asyncio
import os
from pathlib import Path

import apsw
import pytest

from mdsa_server.errors import StoreUnusable
from mdsa_server.store.database import Connection, Database
from mdsa_server.store.migrate import migrate


async def test_a_write_that_raises_leaves_nothing_behind(database: Database) -> None:
    def work(db: Connection) -> None:
        db.execute("insert into conversations (id, title, created, updated) values ('c', 't', 0, 0)")
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(work)
    assert await database.read(lambda db: db.execute("select count(*) from conversations").fetchone()) == (0,)


async def test_what_was_written_is_there_after_opening_again(tmp_path: Path) -> None:
    path = tmp_path / "mdsa.sqlite3"
    first = await Database.open(path)
    await first.write(
        lambda db: db.execute("insert into conversations (id, title, created, updated) values ('c', 't', 0, 0)")
    )
    await first.close()
    second = await Database.open(path)
    assert await second.read(lambda db: db.execute("select id from conversations").fetchall()) == [("c",)]
    await second.close()


async def test_reads_go_on_while_a_write_is_under_way(database: Database) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow_write(db: Connection) -> None:
        db.execute("insert into conversations (id, title, created, updated) values ('c', 't', 0, 0)")
        loop.call_soon_threadsafe(entered.set)
        asyncio.run_coroutine_threadsafe(leave.wait(), loop).result()

    write = asyncio.create_task(database.write(slow_write))
    await entered.wait()
    assert await database.read(lambda db: db.execute("select count(*) from conversations").fetchone()) == (0,)
    leave.set()
    await write
    assert await database.read(lambda db: db.execute("select count(*) from conversations").fetchone()) == (1,)


async def test_vectors_are_understood_by_the_database(database: Database) -> None:
    row = await database.read(lambda db: db.execute("select vec_length(vec_f32('[1, 2, 3]'))").fetchone())
    assert row == (3,)


async def test_a_file_that_is_no_database_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "mdsa.sqlite3"
    path.write_bytes(b"this is a letter to my aunt, not a database" * 100)
    with pytest.raises(StoreUnusable, match="not a database") as caught:
        await Database.open(path)
    assert "backup" in caught.value.mend
    assert path.read_bytes().startswith(b"this is a letter")


async def test_a_database_of_a_newer_server_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mdsa.sqlite3"
    apsw.Connection(str(path)).execute("pragma user_version = 9999")
    with pytest.raises(StoreUnusable, match="version 9999"):
        await Database.open(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
async def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)  # noqa: ASYNC240  # the store is opened after it
    with pytest.raises(StoreUnusable, match="cannot be opened"):
        await Database.open(tmp_path / "mdsa.sqlite3")


async def test_a_full_disk_is_said_and_damages_nothing(database: Database) -> None:
    await database.write(lambda db: db.pragma("max_page_count", db.pragma("page_count")))
    with pytest.raises(StoreUnusable, match="full") as caught:
        await database.write(
            lambda db: db.execute(
                "insert into conversations (id, title, created, updated) values ('c', ?, 0, 0)", ("long" * 100_000,)
            )
        )
    assert "space" in caught.value.mend
    assert await database.read(lambda db: db.pragma("quick_check")) == "ok"


def test_migrations_go_on_from_where_a_crash_stopped_them(tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_first.sql").write_text("create table first (id integer)")
    (folder / "0002_second.sql").write_text("create table second (id integer); create table first (id integer)")
    connection = apsw.Connection(str(tmp_path / "db"))
    with pytest.raises(apsw.SQLError):
        migrate(connection, folder)
    tables = [row[0] for row in connection.execute("select name from sqlite_schema")]
    assert (tables, connection.pragma("user_version")) == (["first"], 1)
    (folder / "0002_second.sql").write_text("create table second (id integer)")
    assert migrate(connection, folder) == 2


async def test_every_connection_enforces_foreign_keys_and_syncs_as_it_is_said(database: Database) -> None:
    def settings(db: Connection) -> list[int]:
        return [int(db.pragma(name)) for name in ("foreign_keys", "synchronous", "temp_store")]

    assert await database.write(settings) == [1, 1, 2]
    assert await database.read(settings) == [1, 1, 2]
