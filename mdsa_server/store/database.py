"""The one SQLite file: connections, threads, transactions. The only file that knows the driver.

One thread writes, two read beside it (WAL), and the event loop never waits on a disk. A caller hands over
a whole function: it runs in one of those threads and, for a write, in one transaction.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import apsw
import sqlite_vec
import structlog

from mdsa_server.errors import StoreDamaged, StoreFull, StoreLocked, StoreReadOnly, StoreUnusable
from mdsa_server.store.migrate import migrate
from mdsa_server.store.transaction import transaction

T = TypeVar("T")
Connection = apsw.Connection

log = structlog.get_logger(__name__)

READERS = 2
# How long another program's lock is waited for, and how long once it has been waited for in vain.
LOCK_MS, HELD_LOCK_MS = 5_000, 50
TRY_AGAIN_SECONDS = 2.0
TRIED_BYTES = 65_536

BACKUP = (
    "Stop the server, and put a backup in its place, or move it aside and begin with an empty one;"
    " what lies beside it, -wal and -shm, goes with it."
)

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
        self.trouble: StoreUnusable | None = None
        """What keeps it from being written to, or read, now; None once a write has gone well again."""
        self._troubled = asyncio.Event()
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

        if isinstance(self.trouble, StoreDamaged):
            # What is written to damaged pages may be lost, and take more with it.
            raise self.trouble

        def run(connection: Connection) -> T:
            connection.set_busy_timeout(HELD_LOCK_MS if self.trouble else LOCK_MS)
            given = _within(connection, work, "immediate")
            if kept is not None:
                kept(given)
            return given

        given = await self._run(self._writer, run)
        if self.trouble and not isinstance(self.trouble, StoreDamaged):
            log.warning("the database can be written to again", former=self.trouble.detail)
            self.trouble = None
            self._troubled.clear()
        return given

    async def watch(self) -> None:
        """While there is trouble, try every now and then whether it is over; for as long as the server runs."""
        while True:
            await self._troubled.wait()
            await asyncio.sleep(TRY_AGAIN_SECONDS)
            with suppress(StoreUnusable):
                await self.write(_try_out)

    async def close(self) -> None:
        """Wait for what is under way, then close every connection."""
        await asyncio.to_thread(self._shut)

    async def _run(self, threads: ThreadPoolExecutor, work: Callable[[Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(threads, lambda: work(self._connection()))
        except apsw.Error as error:
            problem = unusable(error, self.path)
            if type(problem) is not StoreUnusable or isinstance(error, apsw.IOError):
                self._heed(problem)
            raise problem from error

    def _heed(self, problem: StoreUnusable) -> None:
        """Remember what is no fault of the one who asked, and tell it once."""
        if isinstance(self.trouble, StoreDamaged):
            return
        if type(problem) is not type(self.trouble):
            log.error("the database cannot be used", problem=problem.detail, mend=problem.mend)
        self.trouble = problem
        self._troubled.set()

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
    connection.set_busy_timeout(LOCK_MS)
    connection.enable_load_extension(True)
    connection.load_extension(sqlite_vec.loadable_path())
    connection.enable_load_extension(False)
    # SQLite's own `like` and `lower` know the case of ASCII letters only.
    connection.create_scalar_function("casefold", _casefold, 1, deterministic=True)
    return connection


def _casefold(*arguments: Any) -> str:
    return str(arguments[0]).casefold()


def _try_out(connection: Connection) -> None:
    """Write something that needs room, and take it away again."""
    connection.execute("insert or replace into plugin_cache values ('', 'room', zeroblob(?), 0)", (TRIED_BYTES,))
    connection.execute("delete from plugin_cache where plugin = ''")


def _within(connection: Connection, work: Callable[[Connection], T], kind: str) -> T:
    with transaction(connection, kind):
        return work(connection)


def unusable(error: apsw.Error, path: Path) -> StoreUnusable:
    """Say what a person can do about an SQLite error."""
    match error:
        case apsw.FullError():
            return StoreFull(f"the disk that holds {path} is full", "Free some space; nothing was damaged.")
        case apsw.ReadOnlyError() | apsw.CantOpenError() | apsw.PermissionsError() | apsw.AuthError():
            return StoreReadOnly(
                f"{path} cannot be opened for writing ({error})",
                "Check the folder's permissions, or name another one: [store] path in mdsa.toml, or --data DIR.",
            )
        case apsw.CorruptError() | apsw.NotADBError():
            return StoreDamaged(
                f"{path} is damaged or not a database ({error})",
                BACKUP,
            )
        case apsw.BusyError() | apsw.LockedError():
            return StoreLocked(
                f"another program holds {path} locked", "Close the program that has it open, then try again."
            )
        case apsw.IOError():
            return StoreUnusable(
                f"the disk that holds {path} fails ({error})", "Look at the system's log, and take a backup elsewhere."
            )
    return StoreUnusable(f"{path}: {error}", "See the log for the statement that failed.")
