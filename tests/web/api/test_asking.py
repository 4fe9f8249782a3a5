"""A turn that two domains could answer asks which is meant, and goes on when it is told."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from mdsa_server.chat import asking
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, make_settings, running
from tests.web.api.reading import frames_of

DOMAINS = {
    "general": {"description": "Everything else"},
    "code": {"description": "Programs", "keywords": ["run"]},
    "sport": {"description": "Exercise", "keywords": ["run"]},
}
TIED = {"message": "how do I run faster"}


@pytest.fixture
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    async with running(make_settings(tmp_path, engine=engine.url, domains=DOMAINS)) as server:
        yield server


async def test_a_whole_answer_that_needs_a_word_is_answered_with_what_it_needs_and_goes_on(
    server: RunningServer, engine: ScriptedOllama
) -> None:
    client = server.client
    asked = await client.post("/api/chat", json=TIED)
    assert asked.status_code == 202
    needs = asked.json()["needs"]
    assert needs["kind"] == "domain"
    assert [candidate["domain"] for candidate in needs["candidates"]] == ["code", "sport"]
    assert engine.asked("/api/chat") == []

    path = f"/api/turns/{asked.json()['turn']}"
    waiting = (await client.get(path)).json()
    assert (waiting["outcome"], waiting["needs"]) == ("running", needs)
    assert (await client.post(f"{path}/domain", json={"domain": "sport"})).status_code == 204
    await frames_of(await client.get(f"{path}/events"))
    turn = (await client.get(path)).json()
    assert (turn["outcome"], turn["domain"], turn["needs"]) == ("answered", "sport", None)
    assert (turn["route"]["router"], turn["route"]["reason"]) == ("caller", "asked for")
    assert [candidate["domain"] for candidate in turn["route"]["candidates"]] == ["code", "sport"]


async def test_who_wants_no_question_gets_the_likelier(server: RunningServer) -> None:
    turn = (await server.client.post("/api/chat", json=TIED | {"on_tie": "best"})).json()["turn"]
    assert (turn["domain"], turn["route"]["reason"]) == ("code", "tied")
    route = (await server.client.post("/api/route", json=TIED)).json()
    assert (route["domain"], route["reason"]) == ("code", "tied")
    wrong = await server.client.post("/api/chat", json=TIED | {"on_tie": "toss"})
    assert wrong.status_code == 400


async def test_the_stream_tells_the_question_and_waits_for_one_answer_only(server: RunningServer) -> None:
    client = server.client
    turn = (await client.post("/api/chat", json=TIED)).json()["turn"]
    path = f"/api/turns/{turn}"
    unknown = await client.post(f"{path}/domain", json={"domain": "cooking"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown-domain")
    assert (await client.post("/api/turns/nowhere/domain", json={"domain": "code"})).status_code == 404
    assert (await client.post(f"{path}/domain", json={"domain": "general"})).status_code == 204
    names = [name for _, name, _ in await frames_of(await client.get(f"{path}/events"))]
    assert names[:3] == ["turn_started", "domain_asked", "route_chosen"]
    again = await client.post(f"{path}/domain", json={"domain": "code"})
    assert (again.status_code, again.json()["code"]) == (409, "not-asking")


async def test_the_question_for_the_domain_is_no_call_that_could_be_allowed(server: RunningServer) -> None:
    client = server.client
    path = f"/api/turns/{(await client.post('/api/chat', json=TIED)).json()['turn']}"
    approved = await client.post(f"{path}/approvals", json={"call": "domain", "approved": True})
    assert (approved.status_code, approved.json()["code"]) == (409, "not-asking")
    assert (await client.post(f"{path}/domain", json={"domain": "sport"})).status_code == 204
    await frames_of(await client.get(f"{path}/events"))
    assert (await client.get(path)).json()["outcome"] == "answered"


async def test_who_does_not_answer_gets_the_likelier(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "ASK_SECONDS", 0.05)
    turn = (await server.client.post("/api/chat", json=TIED)).json()["turn"]
    await frames_of(await server.client.get(f"/api/turns/{turn}/events"))
    told = (await server.client.get(f"/api/turns/{turn}")).json()
    assert (told["domain"], told["route"]["reason"], told["outcome"]) == ("code", "tied", "answered")


async def test_a_turn_that_waits_can_be_stopped(server: RunningServer) -> None:
    turn = (await server.client.post("/api/chat", json=TIED)).json()["turn"]
    assert (await server.client.post(f"/api/turns/{turn}/cancel")).status_code == 202
    told = (await server.client.get(f"/api/turns/{turn}")).json()
    assert (told["outcome"], told["needs"]) == ("cancelled", None)


async def test_the_page_shows_the_question_and_how_the_turn_goes_on(server: RunningServer) -> None:
    client = server.client
    turn = (await client.post("/api/chat", json=TIED)).json()
    page = (await client.get(f"/chat/{turn['conversation']}")).text
    assert "Which should answer?" in page
    assert 'name="domain" value="sport"' in page
    chosen: httpx.Response = await client.post(
        f"/chat/turns/{turn['turn']}/domain", data={"domain": "sport"}, headers={"HX-Request": "true"}
    )
    assert chosen.status_code == 204
    await frames_of(await client.get(f"/api/turns/{turn['turn']}/events"))
    page = (await client.get(f"/chat/{turn['conversation']}")).text
    assert "Hello there." in page
    assert "Which should answer?" not in page
