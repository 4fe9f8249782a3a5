"""Bring a database's tables up to date, one numbered file after another."""

from pathlib import Path

import apsw

from mdsa_server.errors import StoreUnusable
from mdsa_server.store.transaction import transaction

MIGRATIONS = Path(__file__).with_name("migrations")


def migrate(connection: apsw.Connection, folder: Path = MIGRATIONS) -> int:
    """Apply the migrations that `pragma user_version` says are missing; give the version reached.

    Each file runs in a transaction of its own with its number, so that a crash between two leaves a
    database that goes on where it stopped. Raises StoreUnusable for a database of a newer version.
    """
    scripts = {int(path.name[:4]): path for path in sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))}
    newest = max(scripts)
    version = int(connection.pragma("user_version"))
    if version > newest:
        raise StoreUnusable(
            f"the database is of version {version}, and this server knows only {newest}",
            "Use the newer server that made it, or another data folder (--data DIR).",
        )
    for number in range(version + 1, newest + 1):
        with transaction(connection, "immediate"):
            connection.execute(scripts[number].read_text(encoding="utf-8"))
            connection.pragma("user_version", number)
    return newest
