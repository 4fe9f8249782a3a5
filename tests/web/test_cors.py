"""Pages of other origins: those that the configuration names use the server with a key, and no others."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mdsa_server.web.auth import COOKIE
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, make_settings, running

NAMED, OTHER = "https://app.example.org", "https://other.example.org"
PAGE = {"Origin": NAMED, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
OTHER_PAGE = PAGE | {"Origin": OTHER}
MESSAGE = {"message": "hello"}


@pytest.fixture
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    table = {"shutdown_seconds": 0.5, "cors_origins": [NAMED]}
    async with running(make_settings(tmp_path, engine=engine.url, server=table)) as server:
        yield server


async def with_key(server: RunningServer) -> dict[str, str]:
    made = await server.client.post("/api/keys", json={"name": "app", "scopes": ["chat", "admin"]})
    return {"Authorization": f"Bearer {made.json()['secret']}"}


async def test_a_page_of_a_named_origin_shows_a_key_also_where_nobody_else_needs_one(server: RunningServer) -> None:
    assert (await server.client.get("/api/conversations")).status_code == 200
    assert (await server.client.get("/api/conversations", headers=PAGE)).status_code == 401
    assert (await server.client.post("/api/chat", json=MESSAGE, headers=PAGE)).status_code == 401
    headers = PAGE | await with_key(server)
    answer = await server.client.post("/api/chat", json=MESSAGE, headers=headers)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, NAMED)
    assert "X-MDSA-Turn" in answer.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in answer.headers
    refused = await server.client.get("/api/turns/none", headers=headers)
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (404, NAMED)


async def test_a_browser_asks_first_and_is_told_what_may_be_sent(server: RunningServer) -> None:
    wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    told = await server.client.options("/api/chat", headers=PAGE | wanted)
    assert (told.status_code, told.headers["access-control-allow-origin"]) == (204, NAMED)
    assert "authorization" in told.headers["access-control-allow-headers"].lower()
    refused = await server.client.options("/api/chat", headers=OTHER_PAGE | wanted)
    assert (refused.status_code, "access-control-allow-origin" in refused.headers) == (400, False)


async def test_a_sign_in_of_the_same_browser_does_not_count_for_a_page_of_another_origin(server: RunningServer) -> None:
    key = await with_key(server)
    form = {"key": key["Authorization"].removeprefix("Bearer ")}
    assert (await server.client.post("/sign-in", data=form)).status_code == 303
    assert server.client.cookies[COOKIE]
    assert (await server.client.get("/api/conversations")).status_code == 200
    for page in (PAGE, PAGE | {"Sec-Fetch-Site": "same-site"}):
        assert (await server.client.get("/api/conversations", headers=page)).status_code == 401
        assert (await server.client.post("/api/chat", json=MESSAGE, headers=page)).status_code == 401
        assert (await server.client.post("/sign-in", data=form, headers=page)).status_code == 403
        assert (await server.client.post("/sign-out", headers=page)).status_code == 403
    assert (await server.client.get("/api/conversations")).json()["conversations"] == []


async def test_pages_of_all_other_origins_are_refused_whatever_they_show(server: RunningServer) -> None:
    headers = OTHER_PAGE | await with_key(server)
    refused = await server.client.post("/api/chat", json=MESSAGE, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "foreign-origin")
    read = await server.client.get("/api/conversations", headers=headers)
    assert "access-control-allow-origin" not in {*refused.headers, *read.headers}
