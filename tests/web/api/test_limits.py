"""How much one caller may ask for, and that others are not the worse for it."""

import asyncio
import json
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest

from mdsa_server.web import rates
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, make_settings, running

STREAM = {"Accept": "text/event-stream"}


@pytest.fixture(autouse=True)
def _no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that however long a request takes no bucket fills up meanwhile."""
    monkeypatch.setattr(rates, "monotonic", lambda: 0.0)


async def test_beyond_so_many_requests_a_minute_one_is_told_to_wait(tmp_path: Path, engine: ScriptedOllama) -> None:
    settings = make_settings(tmp_path, engine=engine.url, limits={"requests_per_minute": 5})
    async with running(settings) as server:
        for _ in range(5):
            assert (await server.client.get("/api/domains")).status_code == 200
        refused = await server.client.get("/api/domains")
        assert (refused.status_code, refused.json()["code"]) == (429, "too-many-requests")
        assert refused.headers["retry-after"] == "12"
        # Whether it runs may always be asked.
        assert (await server.client.get("/health/live")).status_code == 200


async def test_each_key_has_a_limit_of_its_own(server: RunningServer) -> None:
    other, busy = await two_keys(server, requests_per_minute=2)
    told = [(await server.client.get("/api/conversations", headers=busy)).status_code for _ in range(3)]
    assert told == [200, 200, 429]
    assert (await server.client.get("/api/conversations", headers=other)).status_code == 200


async def test_without_keys_the_turns_of_an_address_take_so_many_tokens_a_minute(
    tmp_path: Path, engine: ScriptedOllama
) -> None:
    settings = make_settings(tmp_path, engine=engine.url, limits={"tokens_per_minute": 10})
    async with running(settings) as server:
        answered = await server.client.post("/api/chat", json={"message": "hi"})
        usage = answered.json()["turn"]["usage"]
        refused = await server.client.post("/api/chat", json={"message": "hi"})
        assert (refused.status_code, "tokens_per_minute" in refused.json()["mend"]) == (429, True)
        # As long as it takes for what was used to be there again.
        assert 0 < int(refused.headers["retry-after"]) <= 6 * sum(usage.values()) + 1
        # A key that says nothing of tokens has the same bound, and a bucket of its own.
        shown, _ = await two_keys(server)
        told = [(await server.client.post("/api/chat", json={"message": "hi"}, headers=shown)) for _ in range(2)]
        assert [answer.status_code for answer in told] == [200, 429]


async def test_no_more_turns_run_at_once_than_one_caller_may_have(tmp_path: Path, engine: ScriptedOllama) -> None:
    gate = asyncio.Event()
    next(iter(engine.models.values())).says = ["One ", gate, "two"]
    settings = make_settings(tmp_path, engine=engine.url, limits={"turns_at_once": 2})
    async with running(settings) as server:
        asked = [asyncio.create_task(server.client.post("/api/chat", json={"message": str(n)})) for n in range(5)]
        refused = [await answer for _, answer in zip(range(3), asyncio.as_completed(asked), strict=False)]
        assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [(429, "too-many-turns")] * 3
        gate.set()
        answered = [answer for answer in await asyncio.gather(*asked) if answer.status_code == 200]
        assert len(answered) == 2
        assert (await server.client.post("/api/chat", json={"message": "again"})).status_code == 200
        assert len((await server.client.get("/api/conversations")).json()["conversations"]) == 3


async def test_a_conversation_has_no_more_turns_than_one_may_have(tmp_path: Path, engine: ScriptedOllama) -> None:
    settings = make_settings(tmp_path, engine=engine.url, limits={"turns_per_conversation": 2})
    async with running(settings) as server:
        first = (await server.client.post("/api/chat", json={"message": "one"})).json()["turn"]
        again = {"message": "one, put better", "instead_of": first["id"]}
        assert (await server.client.post("/api/chat", json=again)).status_code == 200
        for more in ({"conversation": first["conversation"]}, {"after": first["id"]}, {"instead_of": first["id"]}):
            refused = await server.client.post("/api/chat", json={"message": "three"} | more)
            assert (refused.status_code, refused.json()["code"]) == (413, "conversation-full"), more
            assert refused.json()["mend"].startswith("Begin a new one")
        assert (await server.client.post("/api/chat", json={"message": "three"})).status_code == 200
        kept = (await server.client.get(f"/api/conversations/{first['conversation']}")).json()
        assert [turn["message"] for turn in kept["turns"]] == ["one, put better"]


async def test_one_caller_follows_only_so_much_at_once(
    server: RunningServer, engine: ScriptedOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mdsa_server.web.auth.MOST_STREAMS", 2)
    gate = asyncio.Event()
    next(iter(engine.models.values())).says = ["One ", gate, "two"]
    mine, others = await two_keys(server)

    def asked(shown: dict[str, str]) -> AbstractAsyncContextManager[httpx.Response]:
        return server.client.stream("POST", "/api/chat", json={"message": "hi"}, headers=STREAM | shown)

    def followed(begun: httpx.Response, shown: dict[str, str]) -> AbstractAsyncContextManager[httpx.Response]:
        return server.client.stream("GET", f"/api/turns/{begun.headers['X-MDSA-Turn']}/events", headers=shown)

    async with asked(mine) as begun, followed(begun, mine) as second, followed(begun, mine) as third:
        refused = json.loads(await third.aread())
        assert (second.status_code, third.status_code, refused["code"]) == (200, 429, "too-many-requests")
        assert third.headers["retry-after"] == "10"
        # What is begun is told, and what another follows is another's.
        async with asked(mine) as more, asked(others) as their, followed(their, others) as also:
            assert {answer.status_code for answer in (more, their, also)} == {200}
            gate.set()
    async with followed(begun, mine) as again:
        assert again.status_code == 200


async def test_who_tries_one_wrong_key_after_the_other_is_told_to_wait_and_the_right_one_opens(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mdsa_server.web.auth.WRONG_KEYS_A_MINUTE", 2)
    right, _ = await two_keys(server)
    asked = [{"Authorization": f"Bearer mdsa_{n}"} for n in range(3)]
    told = [await server.client.get("/api/conversations", headers=shown) for shown in asked]
    assert [answer.status_code for answer in told] == [401, 401, 429]
    assert 1 <= int(told[-1].headers["retry-after"]) <= 30
    assert (await server.client.get("/api/conversations", headers=right)).status_code == 200
    # Who shows none is still told that one is needed, as a page whose reader was signed out.
    assert (await server.client.get("/api/conversations")).status_code == 401


async def two_keys(server: RunningServer, **limits: int) -> tuple[dict[str, str], dict[str, str]]:
    """Make a key that may make others, and one with limits; give the headers that show them."""
    first = (await server.client.post("/api/keys", json={"name": "first", "scopes": ["chat", "admin"]})).json()
    shown = {"Authorization": f"Bearer {first['secret']}"}
    second = (await server.client.post("/api/keys", json={"name": "second", **limits}, headers=shown)).json()
    return shown, {"Authorization": f"Bearer {second['secret']}"}
