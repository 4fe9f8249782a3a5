"""Whether a database is what was written to it: looked at without a change to it, and before a server relies on it."""

from __future__ import annotations

import time
from math import inf
from pathlib import Path

import apsw

from mdsa_server.errors import StoreDamaged
from mdsa_server.store.database import BACKUP, opened, unusable

FAULTS_TOLD = 20
PROGRESS_STEPS = 10_000
"""After so many of SQLite's steps it is asked whether the time for a check is up."""
# A gigabyte takes about half a second. What is much larger is looked at whole by the doctor alone.
START_SECONDS = 2.0


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
    try:
        connection = opened(path, apsw.SQLITE_OPEN_READONLY, untouched=not _has_log(path))
        try:
            connection.set_progress_handler(lambda: time.monotonic() > deadline, PROGRESS_STEPS)
            check = "integrity_check" if whole else "quick_check"
            told = [str(row[0]) for row in connection.execute(f"pragma {check}({FAULTS_TOLD})")]
        finally:
            connection.close()
    except apsw.InterruptError:
        return []
    except (apsw.CorruptError, apsw.NotADBError) as error:
        return [str(error)]
    except apsw.Error as error:
        raise unusable(error, path) from error
    return [] if told == ["ok"] else told


def _has_log(path: Path) -> bool:
    """Whether a log lies beside the file, so that another connection has it open, or had when it was killed."""
    return path.with_name(f"{path.name}-wal").exists()
