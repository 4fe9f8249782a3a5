"""The data folder and the database in it: whose they are, whether there is room, whether all is sound."""

import os
import shutil
import stat
from pathlib import Path

from mdsa_server.store.data_folder import DATABASE_FILE
from mdsa_server.store.database import BACKUP
from mdsa_server.store.soundness import faults_of
from mdsa_server.vocabulary.checkup import Check, fault, ok, warning

MEGABYTE = 1_000_000
LITTLE_ROOM, NO_ROOM = 1_000 * MEGABYTE, 100 * MEGABYTE


def folder(path: Path) -> list[Check]:
    """See that the folder may be written to, by its owner alone."""
    what = "data folder"
    if not path.exists():
        above = _nearest(path)
        if not os.access(above, os.W_OK | os.X_OK):
            return [fault(what, f"{path} is not there, and {above} may not be written to", _another())]
        return [ok(what, f"{path}, made when first used")]
    if not path.is_dir():
        return [fault(what, f"{path} is no folder", _another())]
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return [fault(what, f"{path} may not be written to", f"Check its permissions. {_another()}")]
    mode = stat.S_IMODE(path.stat().st_mode)
    mend = f"Keep it to its owner: chmod 700 {path}"
    if os.name == "posix" and mode & 0o022:
        return [fault(what, f"others may write to {path}", mend)]
    if os.name == "posix" and mode & 0o055:
        return [warning(what, f"other users of this machine may look into {path}", mend)]
    return [ok(what, f"{path}, its owner's alone")]


def free_space(path: Path) -> list[Check]:
    """See how much room is left on the disk."""
    free = shutil.disk_usage(_nearest(path)).free
    found = f"{free / MEGABYTE:,.0f} MB are free"
    mend = "Free some space: where there is none, what is said is not saved."
    if free < NO_ROOM:
        return [fault("free space", found, mend)]
    if free < LITTLE_ROOM:
        return [warning("free space", found, mend)]
    return [ok("free space", found)]


def database(path: Path) -> list[Check]:
    """Look at every page of the database. Raises StoreUnusable where it cannot be read."""
    file = path / DATABASE_FILE
    if not file.exists():
        return [ok("database", "none yet")]
    if faults := faults_of(file, whole=False):
        return [fault("database", f"{file} is damaged: {'; '.join(faults[:3])}", BACKUP)]
    log = file.with_name(f"{file.name}-wal")  # what was written last
    size = file.stat().st_size + (log.stat().st_size if log.exists() else 0)
    return [ok("database", f"sound, {size / MEGABYTE:,.1f} MB")]


def _nearest(path: Path) -> Path:
    """Give the folder, or the one above it that there is."""
    return next(above for above in (path, *path.absolute().parents) if above.is_dir())


def _another() -> str:
    return "Name another folder: [store] path in mdsa.toml, or --data DIR."
