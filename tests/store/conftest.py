"""A real database in a folder of the test's own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mdsa_server.store.conversations import Conversations
from mdsa_server.store.database import Database
from mdsa_server.store.turn_log import TurnLog


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "mdsa.sqlite3")
    yield database
    await database.close()


@pytest.fixture
def conversations(database: Database) -> Conversations:
    return Conversations(database)


@pytest.fixture
def turn_log(database: Database) -> TurnLog:
    return TurnLog(database, keep=3)
