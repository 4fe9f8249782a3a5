"""Whether a database is what was written to it: looked at without a change to it, and before a server relies on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import TypeVar

import apsw

from mdsa_server.errors import StoreDamaged, StoreUnusable
from mdsa_server.store.database import BACKUP, Connection, opened, unusable

T = TypeVar("T")

MEMORY = ":memory:"
FAULTS_TOLD = 20
PROGRESS_STEPS = 10_000
"""After so many of SQLite's steps it is asked whether the time for a check is up."""
# A gigabyte takes about half a second. What is much larger is looked at whole by the doctor alone.
START_SECONDS = 2.0


def sqlite_versions() -> dict[str, str]:
    """Give the versions of SQLite and of what is added to it, by name. Raises StoreUnusable."""
    try:
        connection = opened(Path(MEMORY))
    except (apsw.Error, OSError) as error:
        raise StoreUnusable(
            f"SQLite cannot load sqlite-vec ({error})",
            "Install the server anew: pip install --force-reinstall mdsa-server",
        ) from error
    try:
        return {"SQLite": apsw.sqlite_lib_version(), "sqlite-vec": str(connection.execute("select vec_version()").get)}
    finally:
        connection.close()


def require_sound(path: Path) -> None:
    """Look at a database, if there is one, before it is opened. Blocks. Raises StoreDamaged, StoreUnusable."""
    if path.exists() and (faults := faults_of(path, whole=False, seconds=START_SECONDS)):
        raise StoreDamaged(f"{path} is damaged or not a database ({'; '.join(faults[:3])})", BACKUP)


def faults_of(path: Path, *, whole: bool, seconds: float = 0.0) -> list[str]:
    """Say what is wrong with a database's pages, tables and indexes; nothing where all is sound.

    `whole` compares indexes with their tables as well, which takes longer. Where `seconds` is given, what has not been
    looked at by then is left out. Nothing is changed. Raises StoreUnusable where the file cannot be read.
    """
    deadline = time.monotonic() + seconds if seconds else inf
    check = "integrity_check" if whole else "quick_check"

    def look(db: Connection) -> list[str]:
        db.set_progress_handler(lambda: time.monotonic() > deadline, PROGRESS_STEPS)
        try:
            return [str(row[0]) for row in db.execute(f"pragma {check}({FAULTS_TOLD})")]
        except apsw.InterruptError:
            return []

    try:
        told = read_only(path, look)
    except StoreDamaged as error:
        return [str(error.__cause__)]
    return [] if told == ["ok"] else told


def read_only(path: Path, work: Callable[[Connection], T]) -> T:
    """Run `work` on a connection that changes nothing, neither the file nor what lies beside it.

    The database may be in use. Blocks. Raises StoreUnusable.
    """
    try:
        connection = opened(path, apsw.SQLITE_OPEN_READONLY, untouched=not _has_log(path))
        try:
            return work(connection)
        finally:
            connection.close()
    except apsw.Error as error:
        raise unusable(error, path) from error


def _has_log(path: Path) -> bool:
    """Whether a log lies beside the file, so that another connection has it open, or had when it was killed."""
    return path.with_name(f"{path.name}-wal").exists()
