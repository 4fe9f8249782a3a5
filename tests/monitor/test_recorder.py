"""What was counted outlives the server: nothing is lost or doubled, by a restart or by a store that fails."""

from pathlib import Path

import pytest

from mdsa_server.inference.engine_memory import Loads
from mdsa_server.monitor.counters import Counters
from mdsa_server.monitor.history import RESOLUTIONS, over
from mdsa_server.monitor.recorder import Recorder
from mdsa_server.monitor.statistics import Statistics
from mdsa_server.store.database import Database
from mdsa_server.store.statistics import StoredStatistics

NOON = 1_767_268_800.0


class Server:
    """As much of a server as counts, with a clock and loads of its own."""

    def __init__(self, database: Database) -> None:
        self.now = NOON
        self.loads: dict[str, Loads] = {}
        self.counters = Counters()
        self.recorder = Recorder(
            self.counters, StoredStatistics(database), loads=lambda: self.loads, clock=lambda: self.now
        )

    def started(self) -> dict[str, int]:
        return {window: over(self.recorder.spans(window)).started for window in RESOLUTIONS}


async def rows(database: Database) -> int:
    return len(await StoredStatistics(database).read())


async def test_a_restart_goes_on_with_the_spans_that_were_under_way(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "mdsa.sqlite3")
    for server in (Server(database), Server(database), Server(database)):
        await server.recorder.open()
        server.counters.count(Statistics(started=1))
        await server.recorder.flush()
        await server.recorder.flush()
    assert await rows(database) == 3
    again = Server(database)
    await again.recorder.open()
    assert again.started() == {"15m": 3, "24h": 3, "30d": 3}
    assert again.counters.total.started == 0, "since the server started, nothing happened"
    await database.close()


async def test_a_store_that_fails_is_made_up_for_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    database = await Database.open(tmp_path / "mdsa.sqlite3")
    server = Server(database)
    server.counters.count(Statistics(started=1))
    await database.write(lambda db: db.execute("alter table statistics rename to elsewhere").fetchall())
    await server.recorder.flush()
    server.counters.count(Statistics(started=1))
    await database.write(lambda db: db.execute("alter table elsewhere rename to statistics").fetchall())
    await server.recorder.flush()
    again = Server(database)
    await again.recorder.open()
    assert again.started() == {"15m": 2, "24h": 2, "30d": 2}
    await database.close()


async def test_loads_are_counted_as_they_come_and_each_once(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "mdsa.sqlite3")
    server = Server(database)
    server.loads["weights"] = Loads(1, 2.5)
    server.recorder.spans("15m")
    server.loads["weights"].add(1.5)
    server.loads["others"] = Loads(1, 1.0)
    counted = over(server.recorder.spans("15m"))
    assert (counted.loads, counted.load_seconds) == (3, 5.0)
    assert server.counters.total.loads == 3
    await database.close()


async def test_old_rows_go_and_what_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "mdsa.sqlite3")
    await StoredStatistics(database).keep({10: {int(NOON): b"no json"}}, {})
    server = Server(database)
    await server.recorder.open()
    for _ in range(200):
        server.now += 10
        server.counters.count(Statistics(started=1))
        await server.recorder.flush()
    assert await rows(database) == 90 + 4 + 1
    assert server.started() == {"15m": 90, "24h": 200, "30d": 200}
    await database.close()
