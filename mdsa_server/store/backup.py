"""Copies of the database, made while it is written to."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import apsw

from mdsa_server.errors import StoreUnusable
from mdsa_server.store.database import opened, unusable

BEGINNING = "backup-"
ENDING = ".sqlite3"
# A step copies so many pages of 4 kB: between two of them others have the interpreter, and an end is heeded.
PAGES_A_STEP = 256
# Windows lets no file go that is open, but one that was opened so when it is closed; it also knows text from bytes.
GOES_WHEN_CLOSED = getattr(os, "O_TEMPORARY", 0)
BINARY = getattr(os, "O_BINARY", 0)


def copy_database(source: Path, folder: Path, ended: Callable[[], bool] = lambda: False) -> BinaryIO:
    """Make a copy of a database in use, in a file of `folder` that goes when it is closed; give it, open to be read.

    It is as the database is when this begins: it is read within one transaction, which under WAL holds up no writer.
    What it takes of memory is a few pages, of the disk as much as the database. Blocks; `ended` says that nobody wants
    it any more. Raises StoreUnusable, and then leaves nothing.
    """
    with ExitStack() as named:
        try:
            descriptor, name = tempfile.mkstemp(ENDING, BEGINNING, folder)
            os.close(descriptor)
            path = Path(name)
            named.callback(path.unlink, missing_ok=True)
            _copy(source, path, ended)
            file = os.fdopen(os.open(path, os.O_RDONLY | BINARY | GOES_WHEN_CLOSED), "rb")
            if GOES_WHEN_CLOSED:
                named.pop_all()
            return file
        except apsw.Error as error:
            raise unusable(error, source) from error
        except OSError as error:
            raise StoreUnusable(
                f"a copy of the database cannot be made in {folder} ({error.strerror})", "Make room there."
            ) from error


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
