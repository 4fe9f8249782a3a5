"""A clock that is set a day ahead or back moves what is told as a moment, and nothing that lasts."""

import asyncio
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mdsa_server.web import rates
from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import make_settings, running
from tests.web.api.reading import ask, rooms_of

DAY = 24 * 3600.0
MINUTE = 60.0

Set = Callable[[float], None]


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Set:
    """Sets the clock on the wall, for all of ours, so many seconds from where it is."""
    ahead = 0.0
    now, now_ns = time.time, time.time_ns

    class OnTheWall(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.fromtimestamp(time.time(), tz)

        @classmethod
        def fromtimestamp(cls, timestamp: float, tz: tzinfo | None = None) -> Any:
            return datetime.fromtimestamp(timestamp, tz)

    monkeypatch.setattr(time, "time", lambda: now() + ahead)
    monkeypatch.setattr(time, "time_ns", lambda: now_ns() + int(ahead * 1e9))
    for name, module in [*sys.modules.items()]:
        if name.startswith("mdsa_server.") and getattr(module, "datetime", None) is datetime:
            monkeypatch.setattr(module, "datetime", OnTheWall)

    def set_to(seconds: float) -> None:
        nonlocal ahead
        ahead = seconds

    return set_to


async def test_a_turn_a_day_long_by_the_wall_lasted_as_long_as_it_did(
    tmp_path: Path, engine: ScriptedOllama, model: ScriptedModel, set_clock: Set
) -> None:
    async with running(make_settings(tmp_path, engine=engine.url)) as server:
        for ahead in (DAY, -DAY):
            gate = asyncio.Event()
            model.says = ["Half", gate, " and whole"]
            set_clock(0.0)
            turns = len(engine.asked("/api/chat"))
            asking = asyncio.create_task(ask(server.client, "hello"))
            await engine.until(partial(_was_asked, engine, turns))
            set_clock(ahead)
            (turn,) = (await server.client.get("/api/turns?limit=1")).json()["turns"]
            running_trace = (await server.client.get(f"/api/turns/{turn['id']}/trace")).json()["trace"]
            assert not running_trace["ended"]
            assert 0 < running_trace["seconds"] < MINUTE
            assert 0 < (await server.client.get("/api/metrics")).json()["uptime_seconds"] < MINUTE
            gate.set()
            told = await asking
            assert told["answer"] == "Half and whole"
            assert 0 < told["timings"]["first_token"] <= told["timings"]["total"] < MINUTE
            (row,) = (await server.client.get("/api/models")).json()["models"]
            assert row["use"]["in_use"] == 0
            assert 0 <= row["use"]["idle_seconds"] < MINUTE
            model.says = ["Yes."]
            again = await ask(server.client, "and again", conversation=told["conversation"])
            assert again["answer"] == "Yes."
            conversation = (await server.client.get(f"/api/conversations/{told['conversation']}")).json()
            assert [one["message"] for one in conversation["turns"]] == ["hello", "and again"]
            newest = (await server.client.get("/api/turns?limit=2")).json()["turns"]
            assert [one["message"] for one in newest] == ["and again", "hello"]
            assert (await server.client.get("/monitor")).is_success


def _was_asked(engine: ScriptedOllama, more_than: int) -> bool:
    return len(engine.asked("/api/chat")) > more_than


async def test_keys_end_at_their_moment_sign_ins_last_and_limits_fill_up_by_what_has_passed(
    tmp_path: Path, engine: ScriptedOllama, set_clock: Set, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = 0.0
    monkeypatch.setattr(rates, "monotonic", lambda: passed)
    async with running(make_settings(tmp_path, engine=engine.url)) as server:
        keys = rooms_of(server).doorkeeper.keys
        _, lasting = await keys.create("lasting", ["chat"])
        _, limited = await keys.create("limited", ["chat"], requests_per_minute=2)
        _, ending = await keys.create("ending", ["chat"], expires=datetime.now(UTC) + timedelta(days=1.5))
        assert (await server.client.post("/sign-in", data={"key": lasting})).status_code == 303

        async def opens(secret: str) -> int:
            shown = {"Authorization": f"Bearer {secret}"}
            return (await server.client.get("/api/conversations", headers=shown)).status_code

        assert [await opens(limited) for _ in range(3)] == [200, 200, 429]
        for days, of_ending in ((1, 200), (2, 401), (-1, 200), (0, 200)):
            set_clock(days * DAY)
            assert [await opens(secret) for secret in (lasting, limited, ending)] == [200, 429, of_ending]
            assert (await server.client.get("/chat", headers={"Accept": "text/html"})).status_code == 200
        # As long as it takes for one of two a minute.
        passed = MINUTE / 2
        assert [await opens(limited) for _ in range(2)] == [200, 429]
