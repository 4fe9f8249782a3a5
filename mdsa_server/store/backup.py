"""Copies of the database, made while it is written to."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import apsw

from mdsa_server.errors import StoreUnusable
from mdsa_server.store.database import opened, unusable

BEGINNING = "backup-"
ENDING = ".sqlite3"
# A step copies so many pages of 4 kB: between two of them others have the interpreter, and an end is heeded.
PAGES_A_STEP = 256


def copy_database(source: Path, folder: Path, ended: Callable[[], bool] = lambda: False) -> Path:
    """Make a copy of a database in use, in a file of `folder` that its owner alone may read; give the file.

    It is as the database is when this begins: it is read within one transaction, which under WAL holds up no writer.
    What it takes of memory is a few pages, of the disk as much as the database. Blocks; `ended` says that nobody wants
    it any more. Raises StoreUnusable, and then leaves nothing.
    """
    with ExitStack() as undone:
        try:
            descriptor, name = tempfile.mkstemp(ENDING, BEGINNING, folder)
            os.close(descriptor)
            path = Path(name)
            undone.callback(path.unlink, missing_ok=True)
            _copy(source, path, ended)
        except apsw.Error as error:
            raise unusable(error, source) from error
        except OSError as error:
            raise StoreUnusable(
                f"a copy of the database cannot be made in {folder} ({error.strerror})", "Make room there."
            ) from error
        undone.pop_all()
        return path


def forget_copies(folder: Path) -> None:
    """Delete copies that a killed server left behind."""
    for left in folder.glob(f"{BEGINNING}*{ENDING}*"):
        left.unlink(missing_ok=True)


def _copy(source: Path, path: Path, ended: Callable[[], bool]) -> None:
    with ExitStack() as closing:
        original, copy = opened(source, apsw.SQLITE_OPEN_READWRITE), opened(path)
        closing.callback(original.close)
        closing.callback(copy.close)
        # Held from here to the end: otherwise each write of another connection would have the copying begin anew.
        original.execute("begin")
        original.pragma("schema_version")
        with copy.backup("main", original, "main") as backup:
            while not backup.done:
                if ended():
                    raise StoreUnusable("the copying was given up", "Ask for it again.")
                backup.step(PAGES_A_STEP)
        # One file that needs no others beside it; a server makes it WAL again.
        copy.pragma("journal_mode", "delete")
