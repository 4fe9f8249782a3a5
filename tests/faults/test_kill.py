"""A server that is killed at any moment, whatever it was doing, loses nothing that it acknowledged and shows no halves.

`MDSA_KILLS` says how often; `make endurance` does it fifty times.
"""

import asyncio
import os
import random
from pathlib import Path

import httpx
import pytest

from mdsa_server.store.data_folder import DATABASE_FILE
from mdsa_server.store.database import Database
from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.faults.ledger import Ledger, says
from tests.faults.server_process import started

KILLS = int(os.environ.get("MDSA_KILLS", "5"))
# So many servers, one after the other, on one folder; all that they have kept is looked at each time.
KILLS_OF_A_FOLDER = 5
LONGEST_WORK_SECONDS = 0.8
# As long as a start takes, about: some kills come before the server answers.
LONGEST_START_SECONDS = 2.0
KILLED_WHILE_STARTING = 0.2


@pytest.mark.parametrize("seed", range(-(-KILLS // KILLS_OF_A_FOLDER)))
async def test_killed_at_any_moment_nothing_acknowledged_is_lost_and_no_half_shows(tmp_path: Path, seed: int) -> None:
    chance, ledger = random.Random(seed), Ledger()
    chats = ScriptedModel(says=says, token_seconds=0.003)
    async with ScriptedOllama(chats, ScriptedModel(name="embeds", capabilities=("embedding",))) as engine:
        for _ in range(KILLS_OF_A_FOLDER):
            with started(tmp_path, engine.url) as server:
                if chance.random() < KILLED_WHILE_STARTING:
                    await asyncio.sleep(chance.uniform(0.0, LONGEST_START_SECONDS))
                    await server.kill()
                    continue
                async with server.client() as client:
                    await check(ledger, client, tmp_path)
                    working = asyncio.create_task(ledger.work(client))
                    while not (ledger.has_some_of_each or working.done()):  # noqa: ASYNC110  # however long it takes
                        await asyncio.sleep(0.02)
                    await asyncio.sleep(chance.uniform(0.05, LONGEST_WORK_SECONDS))
                    await server.kill()
                    await working
        with started(tmp_path, engine.url) as server:
            async with server.client() as client:
                await check(ledger, client, tmp_path)


async def check(ledger: Ledger, client: httpx.AsyncClient, folder: Path) -> None:
    """See that the file is sound, and then what the server shows of it."""
    database = await Database.open(folder / "data" / DATABASE_FILE)
    try:
        assert await database.read(lambda db: db.execute("pragma integrity_check").fetchall()) == [("ok",)]
        assert await database.read(lambda db: db.execute("pragma foreign_key_check").fetchall()) == []
    finally:
        await database.close()
    await ledger.check(client)
