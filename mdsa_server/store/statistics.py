"""What the monitor counted, in spans of time: a row each, as bytes that the monitor reads alone."""

from collections.abc import Mapping

from mdsa_server.store.database import Connection, Database


class StoredStatistics:
    """Spans by their step and start, both in seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self) -> list[tuple[int, int, bytes]]:
        """Give all: each span's step, start and counts. Raises StoreUnusable."""
        return await self._database.read(
            lambda db: [tuple(row) for row in db.execute("select step, start, counts from statistics")]
        )

    async def keep(self, spans: Mapping[int, Mapping[int, bytes]], kept: Mapping[int, tuple[int, int]]) -> None:
        """Put spans, by step and start, in the place of what was there; all or none is kept. Raises StoreUnusable.

        Of each step, only what starts within `kept`, both ends included, stays.
        """

        def work(db: Connection) -> None:
            for step, by_start in spans.items():
                rows = [(step, start, counts) for start, counts in by_start.items()]
                db.executemany("insert or replace into statistics values (?, ?, ?)", rows)
            for step, (oldest, newest) in kept.items():
                db.execute(
                    "delete from statistics where step = ? and start not between ? and ?", (step, oldest, newest)
                )

        await self._database.write(work)
