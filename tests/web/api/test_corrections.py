"""What was routed wrong is corrected by a person, reviewed, and taught to the routers."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.scripted_ollama import ScriptedOllama
from tests.learning import corrected, learning_settings, routed
from tests.serving import DOMAINS, RunningServer, running
from tests.web.api.reading import ask, rooms_of

SOUP = "how long does lentil soup take"


@pytest.fixture
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    async with running(learning_settings(tmp_path, engine=engine.url)) as server:
        yield server


async def listed(client: httpx.AsyncClient, state: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get("/api/corrections", params={"state": state})).json()
    return found


async def accept(client: httpx.AsyncClient, correction: dict[str, Any], **body: bool) -> httpx.Response:
    return await client.post(f"/api/corrections/{correction['id']}/accept", json=body)


async def test_a_correction_waits_with_all_that_a_reviewer_must_know(client: httpx.AsyncClient) -> None:
    turn = await ask(client, SOUP)
    answer = await client.post(f"/api/turns/{turn['id']}/correction", json={"domain": "cooking"})
    assert answer.status_code == 201
    assert answer.json() == (await listed(client, "pending"))[0]
    said = answer.json()
    assert (said["turn"], said["message"], said["domain"]) == (turn["id"], SOUP, "cooking")
    assert (said["answered"], said["state"]) == ("general", "pending")
    assert await routed(client, SOUP) == "general", "nothing is taught before it is accepted"


async def test_said_again_it_replaces_what_was_said_before(client: httpx.AsyncClient) -> None:
    turn = await ask(client, SOUP)
    await client.post(f"/api/turns/{turn['id']}/correction", json={"domain": "code"})
    answer = await client.post(f"/api/turns/{turn['id']}/correction", json={"domain": None})
    assert (answer.status_code, answer.json()["domain"]) == (200, None)
    assert [one["domain"] for one in await listed(client, "pending")] == [None]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"domain": "nowhere"}, 404, "unknown-domain"),
        ({"domain": "general"}, 400, "invalid-request"),
        ({}, 400, "bad-request"),
    ],
)
async def test_a_correction_that_cannot_be_meant_is_refused(
    client: httpx.AsyncClient, body: dict[str, Any], status: int, code: str
) -> None:
    turn = await ask(client, SOUP)
    answer = await client.post(f"/api/turns/{turn['id']}/correction", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["mend"]


async def test_what_is_not_there_cannot_be_corrected_accepted_or_rejected(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/turns/nothing/correction", json={"domain": "code"})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown-turn")
    for method, path in (("POST", "/accept"), ("POST", "/reject"), ("DELETE", "")):
        answer = await client.request(method, f"/api/corrections/nothing{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown-correction")


async def test_an_accepted_correction_is_taught_and_tells_how_right_the_routers_were_and_are(
    client: httpx.AsyncClient,
) -> None:
    answer = await accept(client, await corrected(client, SOUP, "cooking"))
    assert answer.status_code == 200, answer.text
    assert answer.json()["correction"]["state"] == "accepted"
    assert answer.json()["held_out"] == [{"router": "learning_router", "messages": 30, "before": 1.0, "after": 1.0}]
    assert await routed(client, SOUP) == "cooking"
    domains = {domain["name"]: domain for domain in (await client.get("/api/domains")).json()}
    assert [example["text"] for example in domains["cooking"]["examples"]] == [SOUP]


async def test_a_body_need_not_be_sent_to_accept(client: httpx.AsyncClient) -> None:
    said = await corrected(client, SOUP, "cooking")
    assert (await client.post(f"/api/corrections/{said['id']}/accept")).json()["correction"]["state"] == "accepted"


async def test_a_correction_that_makes_the_routers_worse_is_refused_and_forgotten(client: httpx.AsyncClient) -> None:
    said = await corrected(client, "what makes soup worse", "cooking")
    answer = await accept(client, said)
    assert (answer.status_code, answer.json()["code"]) == (409, "learning-worsened")
    assert "learning_router was right about 100% of the 30 messages" in answer.json()["detail"]
    assert "would be about 90%" in answer.json()["detail"]
    assert "force" in answer.json()["mend"]
    assert await listed(client, "pending") == [said]
    assert await routed(client, said["message"]) == "general"


async def test_a_refused_correction_can_be_forced(client: httpx.AsyncClient) -> None:
    said = await corrected(client, "what makes soup worse", "cooking")
    answer = await accept(client, said, force=True)
    assert answer.json()["held_out"] == [{"router": "learning_router", "messages": 30, "before": 1.0, "after": 0.9}]
    assert await routed(client, said["message"]) == "cooking"


async def test_accepting_twice_changes_nothing_more(client: httpx.AsyncClient) -> None:
    said = await corrected(client, SOUP, "cooking")
    await accept(client, said)
    again = (await accept(client, said)).json()
    assert (again["correction"]["state"], again["held_out"]) == ("accepted", [])


async def test_many_are_accepted_one_at_a_time_while_turns_go_on(client: httpx.AsyncClient) -> None:
    said = [await corrected(client, f"soup number {number}", "cooking") for number in range(4)]
    accepting = asyncio.gather(*(accept(client, one) for one in said))
    turn = await ask(client, "meanwhile")
    assert {answer.status_code for answer in await accepting} == {200}
    assert turn["outcome"] == "answered"
    assert [await routed(client, one["message"]) for one in said] == ["cooking"] * 4


async def test_a_rejected_correction_teaches_nothing_and_is_kept_as_rejected(client: httpx.AsyncClient) -> None:
    said = await corrected(client, SOUP, "cooking")
    assert (await client.post(f"/api/corrections/{said['id']}/reject")).json()["state"] == "rejected"
    assert [one["id"] for one in await listed(client, "rejected")] == [said["id"]]
    assert await listed(client, "pending") == []
    assert await routed(client, SOUP) == "general"


@pytest.mark.parametrize(("method", "path"), [("DELETE", ""), ("POST", "/reject")])
async def test_the_routers_forget_an_accepted_correction_that_is_taken_back(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    said = await corrected(client, SOUP, "cooking")
    await accept(client, said)
    assert (await client.request(method, f"/api/corrections/{said['id']}{path}")).is_success
    assert await routed(client, SOUP) == "general"
    assert await listed(client, "accepted") == []


async def test_what_belongs_nowhere_is_no_example_of_any_domain_any_more(client: httpx.AsyncClient) -> None:
    await accept(client, await corrected(client, SOUP, "cooking"))
    answer = await accept(client, await corrected(client, SOUP, None))
    assert answer.status_code == 200, answer.text
    assert await routed(client, SOUP) == "general"


async def test_a_message_that_belongs_nowhere_counts_against_a_router_that_claims_it(
    tmp_path: Path, engine: ScriptedOllama
) -> None:
    cooking = {"description": "Food and recipes", "examples": ["cook the books"]}
    settings = learning_settings(tmp_path, engine=engine.url, domains=DOMAINS | {"cooking": cooking})
    async with running(settings) as server:
        await accept(server.client, await corrected(server.client, "who cooked the books", None))
        measured = await rooms_of(server).registry.measured(["learning_router"])
    *of_domains, stranger = measured["learning_router"]
    assert len(of_domains) == 30
    assert (stranger.message, stranger.right, stranger.in_scope) == ("who cooked the books", False, False)


async def test_accepted_corrections_are_taught_again_at_a_reload_and_at_the_next_start(
    tmp_path: Path, engine: ScriptedOllama
) -> None:
    settings = learning_settings(tmp_path, engine=engine.url)
    async with running(settings) as server:
        await accept(server.client, await corrected(server.client, SOUP, "cooking"))
        assert (await server.client.post("/api/reload")).json()["warnings"] == []
        assert await routed(server.client, SOUP) == "cooking"
    async with running(settings) as server:
        assert await routed(server.client, SOUP) == "cooking"


async def test_a_correction_waits_for_a_domain_that_is_gone_and_a_reload_says_so(
    tmp_path: Path, engine: ScriptedOllama
) -> None:
    later = learning_settings(tmp_path, engine=engine.url, domains=DOMAINS)
    async with running(learning_settings(tmp_path, engine=engine.url), reread=lambda: later) as server:
        await accept(server.client, await corrected(server.client, SOUP, "cooking"))
        other = await corrected(server.client, "and rice", "cooking")
        (warning,) = (await server.client.post("/api/reload")).json()["warnings"]
        assert "'cooking'" in warning
        assert await routed(server.client, SOUP) == "general"
        answer = await accept(server.client, other)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown-domain")


async def test_a_deleted_conversation_takes_its_corrections_along_but_not_the_accepted_ones(
    client: httpx.AsyncClient,
) -> None:
    kept, gone = await corrected(client, SOUP, "cooking"), await corrected(client, "rice", "cooking")
    await accept(client, kept)
    for conversation in (await client.get("/api/conversations")).json()["conversations"]:
        await client.delete(f"/api/conversations/{conversation['id']}")
    assert [(one["id"], one["turn"]) for one in (await client.get("/api/corrections")).json()] == [(kept["id"], None)]
    assert await routed(client, SOUP) == "cooking"
    assert (await accept(client, gone)).status_code == 404


async def test_where_the_message_still_goes_elsewhere_that_is_said(client: httpx.AsyncClient) -> None:
    correction = await corrected(client, "hello there", "cooking")
    await client.post(f"/api/corrections/{correction['id']}/accept")
    assert (await accept(client, correction)).json()["warnings"] == []
    doubted = await corrected(client, "python doubt", "cooking")
    (warning,) = (await accept(client, doubted)).json()["warnings"]
    assert warning.startswith("The message itself goes to general still: the routers are not sure enough of cooking.")
