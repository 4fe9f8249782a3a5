"""The data folder: held by one server at a time, which leaves word there of where it can be reached."""

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from mdsa_server.errors import DataFolderInUse, StoreUnusable

DATABASE_FILE = "mdsa.sqlite3"
ENCODERS_FOLDER = "encoders"
"""Holds what can be made again: the copy of the embedding model that embeds messages."""
LOCK_FILE = "server.lock"
SERVER_FILE = "server.json"
MENDS = {
    errno.ENOSPC: "Free some space on its disk",
    errno.EDQUOT: "Free some of your space on its disk",
    errno.EROFS: "Have its disk mounted so that it can be written to",
}


class ServerAddress(msgspec.Struct, frozen=True):
    """Where the server that holds a data folder can be reached."""

    url: str
    pid: int
    secret: str = ""
    """What the commands of this machine show instead of an access key: who may read this file owns the data."""


@contextmanager
def hold_data_folder(folder: Path, url: str | None, secret: str = "") -> Iterator[None]:
    """Make the folder and hold it while the block runs; `url` and `secret` are left there for the terminal commands.

    Raises DataFolderInUse where another server holds it, StoreUnusable where it cannot be made.
    """
    with ExitStack() as held:
        try:
            # What is said is nobody else's to read, on a machine that has several users.
            folder.mkdir(0o700, parents=True, exist_ok=True)
            lock = FileLock(folder / LOCK_FILE)
            lock.acquire(timeout=0)
            held.callback(lock.release)
            if url is not None:
                word = folder / SERVER_FILE
                _write_privately(word, msgspec.json.encode(ServerAddress(url, os.getpid(), secret)))
                held.callback(word.unlink, missing_ok=True)
        except Timeout as error:
            in_use = _in_use(folder)
            raise DataFolderInUse(in_use, "Stop that server, or choose another folder with --data DIR.") from error
        except OSError as error:
            first = MENDS.get(error.errno or 0, "Check its permissions")
            raise StoreUnusable(
                f"{folder} cannot be used ({error.strerror})",
                f"{first}, or name another: [store] path in mdsa.toml, or --data DIR.",
            ) from error
        yield


def leave_no_word(folder: Path) -> None:
    """Have nobody find the folder's server any more, which is about to end."""
    (folder / SERVER_FILE).unlink(missing_ok=True)


def server_of(folder: Path) -> ServerAddress | None:
    """Read where the folder's server can be reached; it may have died since it left word."""
    try:
        return msgspec.json.decode((folder / SERVER_FILE).read_bytes(), type=ServerAddress)
    except (OSError, msgspec.DecodeError):
        return None


def _write_privately(path: Path, content: bytes) -> None:
    """Write a file that its owner alone may read; a former one, which may be anybody's to read, goes."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


def _in_use(folder: Path) -> str:
    address = server_of(folder)
    return (
        f"{folder} is used by a server at {address.url} (process {address.pid})" if address else f"{folder} is in use"
    )
