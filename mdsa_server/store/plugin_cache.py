"""What plugins would have to work out again, kept in the store."""

import time
from collections.abc import Sequence
from typing import Any

import structlog

from mdsa_server.errors import StoreUnusable
from mdsa_server.store.database import Connection, Database

log = structlog.get_logger(__name__)

# Of each plugin, the ones that were put there last.
KEPT = 4
LARGEST_BYTES = 64_000_000


class StoredCache:
    """One plugin's. A cache that fails costs time, not an answer."""

    def __init__(self, database: Database, plugin: str) -> None:
        self._database = database
        self._plugin = plugin

    async def get(self, key: str) -> bytes | None:
        """Give what was put under a key, or None."""

        def work(db: Connection) -> bytes | None:
            query = "select value from plugin_cache where plugin = ? and key = ?"
            row: Sequence[Any] | None = db.execute(query, (self._plugin, key)).fetchone()
            return row[0] if row else None

        try:
            return await self._database.read(work)
        except StoreUnusable as error:
            log.warning("cache cannot be read", plugin=self._plugin, problem=error.detail, mend=error.mend)
            return None

    async def put(self, key: str, value: bytes) -> None:
        """Keep a value under a key; all but the KEPT newest of the plugin go, and what is too large is not kept."""
        if len(value) > LARGEST_BYTES:
            return

        def work(db: Connection) -> None:
            row = (self._plugin, key, value, time.time())
            db.execute("insert or replace into plugin_cache values (?, ?, ?, ?)", row)
            db.execute(
                """delete from plugin_cache where plugin = ?1 and key not in
                   (select key from plugin_cache where plugin = ?1 order by rowid desc limit ?2)""",
                (self._plugin, KEPT),
            )

        try:
            await self._database.write(work)
        except StoreUnusable as error:
            log.warning("cache cannot be written", plugin=self._plugin, problem=error.detail, mend=error.mend)
