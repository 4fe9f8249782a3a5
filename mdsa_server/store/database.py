"""The one SQLite file: connections, threads, transactions. The only file that knows the driver.

One thread writes, two read beside it (WAL), and the event loop never waits on a disk. A caller hands over
a whole function: it runs in one of those threads and, for a write, in one transaction.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import apsw
import sqlite_vec

from mdsa_server.errors import StoreUnusable
from mdsa_server.store.migrate import migrate
from mdsa_server.store.transaction import transaction

T = TypeVar("T")
Connection = apsw.Connection

READERS = 2

# NORMAL under WAL survives the process being killed; a power cut may lose the last commits, never more.
# The log is copied into the file every 16 MB, not 4: what one transaction inserts is more than that.
PRAGMAS = """
pragma journal_mode = wal;
pragma synchronous = normal;
pragma foreign_keys = on;
pragma temp_store = memory;
pragma wal_autocheckpoint = 4000;
"""


class Database:
    """Open with `await Database.open(path)`. Every method raises StoreUnusable when SQLite gives up."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._connections: list[Connection] = []
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")

    @classmethod
    async def open(cls, path: Path) -> "Database":
        """Open the file, or make it, and bring its tables up to date."""
        database = cls(path)
        try:
            await database._run(database._writer, migrate)
        except StoreUnusable:
            await database.close()
            raise
        return database

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a reading connection; it sees one unchanging state of the file."""
        return await self._run(self._readers, lambda connection: _within(connection, work, "deferred"))

    async def write(self, work: Callable[[Connection], T], kept: Callable[[T], None] | None = None) -> T:
        """Run `work` in one transaction: all of it is kept, or, if it raises, nothing.

        What it gave is handed to `kept` in the same thread once it is kept, and before anything else is written, also
        where the caller was cancelled meanwhile: so may what is held in memory be brought up to the file.
        """

        def run(connection: Connection) -> T:
            given = _within(connection, work, "immediate")
            if kept is not None:
                kept(given)
            return given

        return await self._run(self._writer, run)

    async def close(self) -> None:
        """Wait for what is under way, then close every connection."""
        await asyncio.to_thread(self._shut)

    async def _run(self, threads: ThreadPoolExecutor, work: Callable[[Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(threads, lambda: work(self._connection()))
        except apsw.Error as error:
            raise unusable(error, self.path) from error

    def _connection(self) -> Connection:
        """Give this thread's own connection, opened when first needed."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = opened(self.path)
            # To its end: what comes after a statement that gives a row runs only when that row was read.
            connection.execute(PRAGMAS).fetchall()
            self._local.connection = connection
            self._connections.append(connection)
        return connection

    def _shut(self) -> None:
        self._readers.shutdown()
        self._writer.shutdown()
        for connection in self._connections:
            connection.close()


def opened(
    path: Path, flags: int = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE, *, untouched: bool = False
) -> Connection:
    """Give a connection that knows every function that the tables ask for. Raises apsw.Error.

    `untouched`: nobody else has the file open, and none is made beside it, not for a moment.
    """
    name = f"{path.absolute().as_uri()}?immutable=1" if untouched else str(path)
    connection = Connection(name, flags=flags | apsw.SQLITE_OPEN_URI)
    connection.set_busy_timeout(5_000)
    connection.enable_load_extension(True)
    connection.load_extension(sqlite_vec.loadable_path())
    connection.enable_load_extension(False)
    # SQLite's own `like` and `lower` know the case of ASCII letters only.
    connection.create_scalar_function("casefold", _casefold, 1, deterministic=True)
    return connection


def _casefold(*arguments: Any) -> str:
    return str(arguments[0]).casefold()


def _within(connection: Connection, work: Callable[[Connection], T], kind: str) -> T:
    with transaction(connection, kind):
        return work(connection)


def unusable(error: apsw.Error, path: Path) -> StoreUnusable:
    """Say what a person can do about an SQLite error."""
    match error:
        case apsw.FullError():
            return StoreUnusable(f"the disk that holds {path} is full", "Free some space; nothing was damaged.")
        case apsw.ReadOnlyError() | apsw.CantOpenError() | apsw.PermissionsError() | apsw.AuthError():
            return StoreUnusable(
                f"{path} cannot be opened for writing ({error})",
                "Check the folder's permissions, or name another one: [store] path in mdsa.toml, or --data DIR.",
            )
        case apsw.CorruptError() | apsw.NotADBError():
            return StoreUnusable(
                f"{path} is damaged or not a database ({error})",
                "Move it aside and start again, or put a backup in its place.",
            )
        case apsw.BusyError() | apsw.LockedError():
            return StoreUnusable(
                f"another program holds {path} locked", "Close the program that has it open, then try again."
            )
    return StoreUnusable(f"{path}: {error}", "See the log for the statement that failed.")
