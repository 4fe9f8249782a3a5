"""Keys that are for some domains only, and keys whose turns may take so many tokens a minute."""

import asyncio
from typing import Any

from mdsa_server.web.rooms import Rooms
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer


async def shown(server: RunningServer, **limits: Any) -> dict[str, str]:
    rooms: Rooms = server.app.state.rooms
    _, secret = await rooms.doorkeeper.keys.create("program", ["chat"], **limits)
    return {"Authorization": f"Bearer {secret}"}


async def test_only_the_domains_of_a_key_answer_it(server: RunningServer) -> None:
    headers = await shown(server, domains=["code"])
    for message in ("a python function", "tell me a joke"):
        answer = await server.client.post("/api/chat", json={"message": message}, headers=headers)
        assert answer.json()["turn"]["domain"] == "code"
    assert [domain["name"] for domain in (await server.client.get("/api/domains", headers=headers)).json()] == ["code"]
    refused = await server.client.post("/api/chat", json={"message": "hi", "domain": "general"}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (404, "unknown-domain")
    tried = await server.client.post("/api/route", json={"message": "tell me a joke"}, headers=headers)
    assert tried.json()["domain"] == "code"


async def test_what_other_domains_were_taught_is_not_shown_to_a_key_of_some(server: RunningServer) -> None:
    message = {"message": "is this python function a patient?"}
    for domains, seen in ((["code"], {"code"}), (["general"], set())):
        headers = await shown(server, domains=domains)
        tried = await server.client.post("/api/route/trial", json=message, headers=headers)
        told = [tried.json()["route"], *(each["opinion"] for each in tried.json()["opinions"])]
        assert {item["domain"] for each in told for item in each["evidence"] if item.get("domain")} == seen


async def test_a_key_of_a_domain_that_is_gone_says_so(server: RunningServer) -> None:
    headers = await shown(server, domains=["gone"])
    refused = await server.client.post("/api/chat", json={"message": "hi"}, headers=headers)
    assert (refused.status_code, "gone" in refused.json()["detail"]) == (404, True)


async def test_a_keys_turns_take_no_more_tokens_a_minute_than_they_may(server: RunningServer) -> None:
    headers = await shown(server, tokens_per_minute=1)
    assert (await server.client.post("/api/chat", json={"message": "hi"}, headers=headers)).status_code == 200
    refused = await server.client.post("/api/chat", json={"message": "hi"}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (429, "too-many-requests")
    assert int(refused.headers["retry-after"]) > 0
    other = await shown(server, tokens_per_minute=1)
    assert (await server.client.post("/api/chat", json={"message": "hi"}, headers=other)).status_code == 200


async def test_turns_that_begin_together_take_no_more_than_one_after_the_other(
    server: RunningServer, engine: ScriptedOllama
) -> None:
    gate = asyncio.Event()
    next(iter(engine.models.values())).says = ["One ", gate, "two"]
    # Room for two turns, each of which may answer with a thousand tokens.
    headers = await shown(server, tokens_per_minute=3000)

    async def asked() -> tuple[int, str]:
        answer = await server.client.post("/api/chat", json={"message": "hi"}, headers=headers)
        return answer.status_code, answer.json().get("code", "")

    asking = [asyncio.create_task(asked()) for _ in range(5)]
    refused = [await answer for _, answer in zip(range(3), asyncio.as_completed(asking), strict=False)]
    assert refused == [(429, "too-many-requests")] * 3
    gate.set()
    assert sorted(await asyncio.gather(*asking))[:2] == [(200, "")] * 2
    # They took a few tokens each, and gave the others back.
    assert {*await asyncio.gather(asked(), asked())} == {(200, "")}


async def test_a_turn_that_does_not_begin_takes_no_tokens(server: RunningServer) -> None:
    headers = await shown(server, tokens_per_minute=1100)
    for _ in range(3):
        body = {"message": "hi", "conversation": "none"}
        assert (await server.client.post("/api/chat", json=body, headers=headers)).status_code == 404
    assert (await server.client.post("/api/chat", json={"message": "hi"}, headers=headers)).status_code == 200


async def test_a_turn_that_is_stopped_counts_too(server: RunningServer, engine: ScriptedOllama) -> None:
    gate = asyncio.Event()
    next(iter(engine.models.values())).says = ["A beginning of some length. ", gate, "the end"]
    headers = await shown(server, tokens_per_minute=1)
    stream = {"Accept": "text/event-stream"}
    async with server.client.stream("POST", "/api/chat", json={"message": "hi"}, headers=headers | stream) as response:
        async for line in response.aiter_lines():
            if line == "event: token":
                break
        await server.client.post(f"/api/turns/{response.headers['X-MDSA-Turn']}/cancel", headers=headers)
    refused = await server.client.post("/api/chat", json={"message": "hi"}, headers=headers)
    assert refused.status_code == 429
