"""Turns over HTTP: branches, search, traces."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.fakes.script import HANGS
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.web.api.reading import ask

ABSENT = "01890000-0000-7000-8000-000000000000"


async def path_of(client: httpx.AsyncClient, conversation: str, **address: str) -> list[str]:
    read = (await client.get(f"/api/conversations/{conversation}", params=address)).json()
    return [turn["message"] for turn in read["turns"]]


async def test_a_message_is_sent_in_place_of_another_and_both_are_kept(
    client: httpx.AsyncClient, engine: ScriptedOllama
) -> None:
    first = await ask(client, "one")
    second = await ask(client, "two", conversation=first["conversation"])
    other = await ask(client, "two, better", instead_of=second["id"])
    asked = engine.asked("/api/chat")[-1]["messages"]

    assert [message["content"] for message in asked if message["role"] == "user"] == ["one", "two, better"]
    assert other["parent"] == second["parent"] == first["id"]
    assert await path_of(client, first["conversation"]) == ["one", "two, better"]
    assert await path_of(client, first["conversation"], turn=second["id"]) == ["one", "two"]
    after = await ask(client, "three", after=second["id"])
    assert await path_of(client, after["conversation"]) == ["one", "two", "three"]
    exported = await client.get(f"/api/conversations/{first['conversation']}/export", params={"turn": other["id"]})
    assert "two, better" in exported.text
    assert "three" not in exported.text


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"instead_of": ABSENT}, 404, "unknown-turn"),
        ({"after": ABSENT}, 404, "unknown-turn"),
        ({"after": ""}, 404, "unknown-turn"),
        ({"instead_of": ABSENT, "after": ABSENT}, 400, "invalid-request"),
        ({"instead_of": 7}, 400, "bad-request"),
    ],
)
async def test_a_place_that_is_none_is_refused(
    client: httpx.AsyncClient, fields: dict[str, Any], status: int, code: str
) -> None:
    answer = await client.post("/api/chat", json={"message": "hello", **fields})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["mend"]
    assert (await client.get("/api/turns")).json() == {"turns": [], "next": None}


async def test_a_turn_of_another_conversation_is_refused(client: httpx.AsyncClient) -> None:
    first, second = await ask(client, "one"), await ask(client, "two")
    body = {"message": "x", "conversation": first["conversation"], "after": second["id"]}
    answer = await client.post("/api/chat", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-request")
    read = await client.get(f"/api/conversations/{first['conversation']}", params={"turn": second["id"]})
    assert (read.status_code, read.json()["code"]) == (404, "unknown-turn")


async def test_two_pages_that_send_at_once_lose_nothing(client: httpx.AsyncClient) -> None:
    first = await ask(client, "one")
    beside = await asyncio.gather(*(ask(client, f"page {page}", after=first["id"]) for page in range(4)))
    assert {turn["parent"] for turn in beside} == {first["id"]}
    chained = await asyncio.gather(*(ask(client, f"{n}", conversation=first["conversation"]) for n in range(4)))
    read = (await client.get(f"/api/conversations/{first['conversation']}")).json()
    assert {turn["id"] for turn in chained} <= {turn["id"] for turn in read["turns"]}
    assert [len(versions) for versions in read["beside"].values()] == [4]


async def test_turns_are_found_narrowed_and_paged(client: httpx.AsyncClient) -> None:
    for number in range(3):
        await ask(client, f"number {number}")
    await ask(client, "a python function")
    first = (await client.get("/api/turns", params={"query": "numb", "limit": 2})).json()
    rest = (await client.get("/api/turns", params={"query": "numb", "limit": 2, "before": first["next"]})).json()
    assert [turn["message"] for turn in first["turns"] + rest["turns"]] == ["number 2", "number 1", "number 0"]
    assert rest["next"] is None
    (found,) = (await client.get("/api/turns", params={"domain": "code", "outcome": "answered"})).json()["turns"]
    assert (found["message"], found["answer_tokens"], found["model"]) == ("a python function", 3, "scripted:1b")
    assert found["seconds"] > 0
    assert (await client.get("/api/turns", params={"domain": "nowhere"})).json()["turns"] == []


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ({"outcome": "lost"}, 400),
        ({"limit": "0"}, 400),
        ({"limit": "many"}, 400),
        ({"query": "x" * 401}, 400),
        ({"before": ABSENT}, 404),
        ({"query": '"*:(NEAR)^ -+{\0'}, 200),
        ({"domain": "x" * 5_000}, 200),
    ],
)
async def test_nonsense_is_told_or_finds_nothing(
    client: httpx.AsyncClient, address: dict[str, str], status: int
) -> None:
    answer = await client.get("/api/turns", params=address)
    assert answer.status_code == status, answer.text
    assert answer.json().get("mend", "said") or answer.json()["detail"]


async def test_a_turn_is_traced_in_spans_and_events(client: httpx.AsyncClient) -> None:
    turn = await ask(client, "hello")
    told = (await client.get(f"/api/turns/{turn['id']}/trace")).json()
    assert (told["trace"]["ended"], told["trace"]["whole"]) == (True, True)
    assert told["trace"]["seconds"] == turn["timings"]["total"]
    kinds = [span["kind"] for span in told["trace"]["spans"]]
    assert kinds[-1] == "generate"
    assert "route" in kinds
    assert [told["events"][0]["type"], told["events"][-1]["type"]] == ["turn_started", "turn_finished"]
    assert (await client.get(f"/api/turns/{ABSENT}/trace")).status_code == 404


async def test_a_running_turn_is_traced_as_far_as_it_has_come(
    client: httpx.AsyncClient, engine: ScriptedOllama
) -> None:
    next(iter(engine.models.values())).says = ["Half", HANGS]
    headers = {"Accept": "text/event-stream"}
    async with (
        asyncio.timeout(10),
        client.stream("POST", "/api/chat", json={"message": "hello"}, headers=headers) as live,
    ):
        turn = live.headers["X-MDSA-Turn"]
        async for line in live.aiter_lines():
            if line.startswith("data: ") and json.loads(line[6:])["type"] == "token":
                break
        told = (await client.get(f"/api/turns/{turn}/trace")).json()
    assert not told["trace"]["ended"]
    assert told["trace"]["spans"][-1]["kind"] == "generate"
    await client.post(f"/api/turns/{turn}/cancel")
