"""`mdsa backup`: of a server that runs, and of a data folder that no server has open."""

from pathlib import Path

from mdsa_server.store.soundness import faults_of
from tests.cli.terminal import Terminal
from tests.serving import RunningServer


async def test_a_backup_is_taken_of_a_running_server_and_takes_no_files_place(
    terminal: Terminal, server: RunningServer
) -> None:
    done = await terminal.mdsa("backup", "copy.sqlite3")
    assert (done.code, "is sound" in done.out) == (0, True), done.err
    assert "access.secret" in done.err
    copy = terminal.folder / "copy.sqlite3"
    assert faults_of(copy, whole=True) == []
    assert copy.stat().st_mode & 0o077 == 0, "a copy is its owner's alone to read"

    before = copy.read_bytes()
    again = await terminal.mdsa("backup", "copy.sqlite3")
    assert (again.code, "is there already" in again.err) == (1, True)
    assert copy.read_bytes() == before
    assert [path.name for path in terminal.folder.glob(".copy*")] == [], "nothing half-made is left"


async def test_a_folder_without_a_database_is_not_taken_for_an_empty_one(terminal: Terminal) -> None:
    done = await terminal.mdsa("backup", "--data", "mistyped", "copy.sqlite3")
    assert (done.code, "no database" in done.err, "--data" in done.err) == (1, True, True)
    assert [path.name for path in terminal.folder.iterdir() if path.name in ("mistyped", "copy.sqlite3")] == []


async def test_a_backup_is_taken_where_no_server_runs(terminal: Terminal) -> None:
    await terminal.mdsa("keys", "list")  # as any command does, it makes the database
    done = await terminal.mdsa("backup", "copy.sqlite3")
    assert done.code == 0, done.err
    assert faults_of(terminal.folder / "copy.sqlite3", whole=True) == []


async def test_a_folder_that_is_not_there_is_told(terminal: Terminal, tmp_path: Path) -> None:
    done = await terminal.mdsa("backup", str(tmp_path / "nowhere" / "copy.sqlite3"))
    assert (done.code, "cannot be written to" in done.err) == (1, True)
