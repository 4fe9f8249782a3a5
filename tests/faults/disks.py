"""Disks that take nothing more: one that can be filled, and one that may only be read.

The first is a small file system of its own where one may be mounted, else a bound on the database.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from mdsa_server.store.database import Database

BYTES = 8 << 20
BALLAST = "ballast"


class SmallDisk:
    """Where a data folder lies; `mounted` says whether it is a file system of its own."""

    def __init__(self, folder: Path, *, mounted: bool) -> None:
        self.folder = folder
        self.mounted = mounted

    async def fill(self, database: Database) -> None:
        """Leave no room for anything more."""
        if not self.mounted:
            await database.write(lambda db: db.pragma("max_page_count", db.pragma("page_count")))
        else:
            self.fill_up()

    def fill_up(self) -> None:
        """Leave no room on a file system of its own."""
        with (self.folder / BALLAST).open("wb", buffering=0) as ballast:
            while _put(ballast.fileno()):
                pass

    async def free(self, database: Database) -> None:
        """Make room again."""
        if self.mounted:
            (self.folder / BALLAST).unlink()
        else:
            # No write: that would have to be possible first.
            await database._run(database._writer, lambda db: db.pragma("max_page_count", 1 << 30))


@asynccontextmanager
async def unwritable(database: Database) -> AsyncIterator[None]:
    """Have the database refuse writes, as one does whose disk was mounted anew for reading alone."""
    await database._run(database._writer, lambda db: db.pragma("query_only", 1))
    yield
    await database._run(database._writer, lambda db: db.pragma("query_only", 0))


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Make one at `folder` while the block runs."""
    folder.mkdir()
    mounted = _mounted(folder)
    try:
        yield SmallDisk(folder, mounted=mounted)
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mounted(folder: Path) -> bool:
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("mount"):
        return False
    command = ["mount", "-t", "tmpfs", "-o", f"size={BYTES}", "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _put(descriptor: int) -> bool:
    try:
        return os.write(descriptor, b"\0" * 4096) > 0
    except OSError:
        return False
