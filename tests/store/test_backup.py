"""Copies of the database, and what is found when one is looked at."""

import sys
from pathlib import Path

import pytest

from mdsa_server.errors import StoreUnusable
from mdsa_server.store.backup import copy_database, forget_copies
from mdsa_server.store.database import Database
from mdsa_server.store.soundness import faults_of


def left_in(folder: Path, pattern: str = "backup-*") -> list[Path]:
    return list(folder.glob(pattern))


async def test_a_copy_holds_what_was_committed_and_its_file_is_nobody_elses_to_find(
    database: Database, tmp_path: Path
) -> None:
    await database.write(
        lambda db: db.execute("insert into conversations (id, title, created, updated) values ('c', 't', 0, 0)")
    )
    folder = tmp_path / "copies"
    folder.mkdir()
    with copy_database(database.path, folder) as copy:
        # Windows keeps the name for as long as the file is open.
        assert len(left_in(folder, "*")) == (1 if sys.platform == "win32" else 0)
        (tmp_path / "copy.sqlite3").write_bytes(copy.read())
    assert left_in(folder, "*") == []
    opened = await Database.open(tmp_path / "copy.sqlite3")
    assert await opened.read(lambda db: db.execute("select id from conversations").fetchall()) == [("c",)]
    await opened.close()


async def test_a_copy_that_nobody_wants_any_more_is_given_up(database: Database, tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="given up"):
        copy_database(database.path, tmp_path, lambda: True)
    assert left_in(tmp_path) == []


async def test_copies_that_a_killed_server_left_are_forgotten(database: Database, tmp_path: Path) -> None:
    for left in ("backup-left.sqlite3", "backup-left.sqlite3-journal"):
        (tmp_path / left).touch()
    forget_copies(tmp_path)
    assert left_in(tmp_path) == []
    assert database.path.exists()


async def test_a_damaged_page_is_found_and_looking_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "mdsa.sqlite3"
    database = await Database.open(path)
    await database.close()
    assert faults_of(path, whole=False) == []
    content = bytearray(path.read_bytes())
    content[4096 * 4 : 4096 * 6] = b"\xff" * 8192
    path.write_bytes(content)
    assert faults_of(path, whole=False) != []
    assert path.read_bytes() == content
    assert left_in(tmp_path, "*") == [path]


def test_what_is_no_database_is_told_as_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "mdsa.sqlite3"
    path.write_bytes(b"nothing of the kind" * 1000)
    assert faults_of(path, whole=False) != []
