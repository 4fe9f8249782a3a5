"""Chat over HTTP: whole answers, streams, replays, and every way a request can be wrong."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.fakes.script import DIES, HANGS
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer
from tests.web.api.reading import ask, frames_of, rooms_of

STREAM = {"Accept": "text/event-stream"}


async def test_a_message_is_answered_with_its_route_in_a_header(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/chat", json={"message": "a python function"})
    turn = response.json()["turn"]
    assert (turn["answer"], turn["domain"], turn["outcome"]) == ("Hello there.", "code", "answered")
    assert response.headers["X-MDSA-Turn"] == turn["id"]
    assert response.headers["X-MDSA-Conversation"] == turn["conversation"]
    domain, confidence, router = response.headers["X-MDSA-Route"].split("; ")
    assert (domain, router) == ("code", "router=keyword_router")
    assert 0.5 <= float(confidence.removeprefix("confidence=")) <= 1


async def test_a_message_is_answered_as_a_stream_of_events(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/chat", json={"message": "hello"}, headers=STREAM)
    assert response.headers["Content-Type"].startswith("text/event-stream")
    frames = await frames_of(response)
    names = [name for _, name, _ in frames]
    assert names[:2] == ["turn_started", "route_chosen"]
    assert names[-1] == "turn_finished"
    assert "".join(data["text"] for _, name, data in frames if name == "token") == "Hello there."
    positions = [position for position, _, _ in frames]
    assert positions == sorted(set(positions))


async def test_a_finished_turn_is_replayed_from_any_position(client: httpx.AsyncClient) -> None:
    live = await frames_of(await client.post("/api/chat", json={"message": "hello"}, headers=STREAM))
    turn = live[0][2]["turn"]
    first_token = next(position for position, name, _ in live if name == "token")
    response = await client.get(f"/api/turns/{turn}/events", headers={"Last-Event-ID": str(first_token)})
    replayed = await frames_of(response)
    assert replayed[-1] == live[-1]
    seen = "".join(data["text"] for position, name, data in live if name == "token" and position <= first_token)
    rest = "".join(data["text"] for _, name, data in replayed if name == "token")
    assert seen + rest == "Hello there."
    assert await frames_of(await client.get(f"/api/turns/{turn}/events", headers={"Last-Event-ID": "junk"}))


async def test_a_client_that_leaves_loses_nothing(client: httpx.AsyncClient, engine: ScriptedOllama) -> None:
    gate = asyncio.Event()
    next(iter(engine.models.values())).says = ["One ", gate, "two"]
    async with client.stream("POST", "/api/chat", json={"message": "count"}, headers=STREAM) as response:
        turn = response.headers["X-MDSA-Turn"]
        async for line in response.aiter_lines():
            if line == "event: token":
                break
    gate.set()
    frames = await frames_of(await client.get(f"/api/turns/{turn}/events"))
    assert "".join(data["text"] for _, name, data in frames if name == "token") == "One two"
    assert (await client.get(f"/api/turns/{turn}")).json()["outcome"] == "answered"


async def test_cancelling_stops_the_engine(client: httpx.AsyncClient, engine: ScriptedOllama) -> None:
    next(iter(engine.models.values())).says = ["Half", HANGS]
    async with client.stream("POST", "/api/chat", json={"message": "hello"}, headers=STREAM) as response:
        turn = response.headers["X-MDSA-Turn"]
        async for line in response.aiter_lines():
            if line == "event: token":
                assert (await client.get(f"/api/turns/{turn}")).json()["answer"] == "Half"
                assert (await client.post(f"/api/turns/{turn}/cancel")).status_code == 202
    await engine.until(lambda: engine.cut == 1)
    stored = (await client.get(f"/api/turns/{turn}")).json()
    assert (stored["outcome"], stored["answer"]) == ("cancelled", "Half")
    assert (await client.post(f"/api/turns/{turn}/cancel")).status_code == 202


async def test_routing_alone_asks_no_model_and_saves_nothing(client: httpx.AsyncClient, engine: ScriptedOllama) -> None:
    response = await client.post("/api/route", json={"message": "a python function"})
    assert response.json()["domain"] == "code"
    assert response.headers["X-MDSA-Route"].startswith("code; ")
    assert engine.asked("/api/chat") == []
    assert (await client.get("/api/conversations")).json()["conversations"] == []


async def test_an_engine_that_dies_is_a_problem_and_the_message_is_kept(
    client: httpx.AsyncClient, engine: ScriptedOllama
) -> None:
    next(iter(engine.models.values())).says = ["Half", DIES]
    response = await client.post("/api/chat", json={"message": "precious words"})
    problem = response.json()
    assert (response.status_code, problem["code"]) == (502, "engine-died")
    assert response.headers["Content-Type"] == "application/problem+json"
    assert all(response.headers[name] for name in ("X-MDSA-Turn", "X-MDSA-Conversation", "X-MDSA-Route"))
    (conversation,) = (await client.get("/api/conversations")).json()["conversations"]
    (turn,) = (await client.get(f"/api/conversations/{conversation['id']}")).json()["turns"]
    assert (turn["message"], turn["answer"], turn["outcome"]) == ("precious words", "Half", "failed")


async def test_an_engine_that_is_gone_is_503_and_comes_back(client: httpx.AsyncClient, engine: ScriptedOllama) -> None:
    await engine.stop()
    response = await client.post("/api/chat", json={"message": "hello"})
    assert (response.status_code, response.json()["code"]) == (503, "engine-unreachable")
    assert response.headers["Retry-After"]
    assert response.json()["mend"]
    stream = await frames_of(await client.post("/api/chat", json={"message": "hello"}, headers=STREAM))
    assert stream[-1][1] == "turn_failed"
    assert stream[-1][2]["problem"]["code"] == "engine-unreachable"
    await engine.start()
    assert (await ask(client, "hello"))["answer"] == "Hello there."


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, 'the body is missing; a JSON object with "message" is wanted'),
        (b"{", 400, ""),
        (b"[]", 400, "body: Expected `object`, got `array`"),
        (b'"hello"', 400, ""),
        (b"\xff\xfe", 400, ""),
        (b"{}", 400, "message"),
        (b'{"message": 5}', 400, "message"),
        (b'{"message": null}', 400, "message"),
        (b'{"message": "\xff"}', 400, "UTF-8"),
        (b"[" * 100_000, 400, "nested"),
        (b'{"message": "\\ud800"}', 400, "surrogate"),
        (b'{"message": "hi', 400, "truncated"),
        (b'{"message": "  "}', 400, "message"),
        (b'{"message": "hi", "mesage": "typo"}', 400, "mesage"),
        (b'{"message": "hi", "domain": "cooking"}', 404, "cooking"),
        (b'{"message": "hi", "conversation": "nowhere"}', 404, "nowhere"),
        (b'{"message": "' + b"x" * 200_000 + b'"}', 413, "100,000"),
        (b'{"message": "' + b"x" * 1_100_000 + b'"}', 413, ""),
    ],
    ids=lambda value: str(value[:30]) if isinstance(value, bytes) else None,
)
@pytest.mark.parametrize("path", ["/api/chat", "/api/route"])
async def test_a_bad_body_is_a_clear_problem_and_saves_nothing(
    client: httpx.AsyncClient, path: str, body: bytes, status: int, said: str
) -> None:
    response = await client.post(path, content=body, headers={"Content-Type": "application/json"})
    problem = response.json()
    assert response.status_code == status, problem
    assert response.headers["Content-Type"] == "application/problem+json"
    assert said in problem["detail"]
    assert problem["status"] == status
    assert problem["title"]
    assert problem["mend"]
    assert (await client.get("/api/conversations")).json()["conversations"] == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/turns/nope", 404),
        ("GET", "/api/turns/nope/events", 404),
        ("POST", "/api/turns/nope/cancel", 404),
        ("GET", "/api/conversations/nope", 404),
        ("DELETE", "/api/conversations/nope", 404),
        ("GET", "/api/conversations/nope/export", 404),
        ("GET", "/api/nothing", 404),
        ("GET", "/api/chat", 405),
        ("GET", "/api/conversations?limit=0", 400),
        ("GET", "/api/conversations?limit=many", 400),
    ],
)
async def test_unknown_things_and_wrong_methods_are_problems(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    response = await client.request(method, path)
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["detail"]


@pytest.mark.parametrize(
    ("headers", "method", "path"),
    [
        ({"Host": "evil.example"}, "GET", "/api/domains"),
        ({"Origin": "http://evil.example"}, "POST", "/api/chat"),
        ({"Sec-Fetch-Site": "cross-site"}, "POST", "/api/chat"),
        ({"Sec-Fetch-Site": "same-site"}, "DELETE", "/api/conversations/x"),
    ],
)
async def test_other_sites_are_refused(
    client: httpx.AsyncClient, headers: dict[str, str], method: str, path: str
) -> None:
    response = await client.request(method, path, json={"message": "hi"}, headers=headers)
    assert (response.status_code, response.json()["code"]) == (403, "foreign-origin")


@pytest.mark.parametrize("error", [UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), RecursionError("too deep")])
async def test_what_breaks_in_the_server_is_never_called_the_callers_fault(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def breaks(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(rooms_of(server).live_turns, "start", breaks)
    response = await server.client.post("/api/chat", json={"message": "hello"})
    assert (response.status_code, response.json()["code"]) == (500, "unexpected")


async def test_a_turn_that_the_server_ends_is_told_as_that(server: RunningServer, engine: ScriptedOllama) -> None:
    next(iter(engine.models.values())).says = ["Half", HANGS]
    asked = asyncio.create_task(server.client.post("/api/chat", json={"message": "hello"}))
    await engine.until(lambda: bool(engine.asked("/api/chat")))
    await rooms_of(server).live_turns.close(0.0)
    response = await asked
    assert (response.status_code, response.json()["code"]) == (503, "server-stopped")
    assert response.headers["X-MDSA-Turn"]


async def test_every_answer_carries_the_headers_that_keep_browsers_strict(server: RunningServer) -> None:
    for path in ("/health/live", "/api/domains", "/api/nothing", "/"):
        response = await server.client.get(path)
        assert "script-src 'self'" in response.headers["Content-Security-Policy"]
        assert "unsafe" not in response.headers["Content-Security-Policy"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["X-Request-Id"]


async def test_what_was_told_is_kept_by_no_browser_and_what_everybody_gets_is(server: RunningServer) -> None:
    for path in ("/", "/api/conversations", "/api/nothing", "/sign-in"):
        assert (await server.client.get(path)).headers["Cache-Control"] == "no-store"
    assert "no-store" not in (await server.client.get("/static/app.css")).headers["Cache-Control"]


@pytest.mark.parametrize("kept", ["a", "Trace_1.2-b", "x" * 64])
async def test_a_clients_own_request_id_is_kept(client: httpx.AsyncClient, kept: str) -> None:
    assert (await client.get("/health/live", headers={"X-Request-ID": kept})).headers["X-Request-Id"] == kept


@pytest.mark.parametrize("odd", ["", "a b", "a\tb", "é", "x" * 65])
async def test_a_request_id_that_could_spoil_a_log_is_not(client: httpx.AsyncClient, odd: str) -> None:
    response = await client.get("/health/live", headers={b"X-Request-ID": odd.encode()})
    assert response.headers["X-Request-Id"] not in (odd, "")


async def test_every_route_declares_a_scope(server: RunningServer) -> None:
    from mdsa_server.web.auth import ROUTE_SCOPES

    handlers: list[Any] = [handler for route in server.app.routes for handler in getattr(route, "route_handlers", ())]
    assert len(handlers) > 20
    ours = [handler for handler in handlers if "OPTIONS" not in handler.http_methods]
    assert [str(handler) for handler in ours if handler.opt.get("scope") not in ROUTE_SCOPES] == []
