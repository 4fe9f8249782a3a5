"""A server that routes by asking a model: one of several routers, asked only where it is listed."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from mdsa_server.embedded_ollama.request_body import RequestBody
from tests.fakes.script import HANGS, ScriptedModel, Step
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import make_settings, running
from tests.web.api.reading import ask

ROUTERS = ["keyword_router", "llm_router"]
DOMAINS = {
    "general": {"description": "Everything else", "options": {"num_ctx": 2048}},
    "code": {"description": "Programs", "keywords": ["python"], "options": {"num_ctx": 2048}},
}


def sorts_as(*said: Step) -> Any:
    """Have a model say this where its answer is constrained, and answer otherwise."""

    def steps(asked: RequestBody) -> Sequence[Step]:
        return said if asked.format else ["Hello."]

    return steps


@asynccontextmanager
async def serving(
    folder: Path, *said: Step, routers: Sequence[str] = ROUTERS, **settings: object
) -> AsyncIterator[tuple[httpx.AsyncClient, ScriptedOllama]]:
    """A server whose only model sorts messages as `said`."""
    async with ScriptedOllama(ScriptedModel(says=sorts_as(*said))) as engine:
        tables: dict[str, Any] = {
            "routing": {"routers": list(routers)},
            "plugins": {"llm_router": settings},
        }
        async with running(make_settings(folder, engine=engine.url, domains=DOMAINS, **tables)) as server:
            yield server.client, engine


async def route(client: httpx.AsyncClient, message: str) -> Any:
    return (await client.post("/api/route", json={"message": message})).json()


async def test_the_model_decides_where_others_have_no_view_and_the_turn_finds_it_loaded(tmp_path: Path) -> None:
    async with serving(tmp_path, '{"domain": "code"}') as (client, engine):
        turn = await ask(client, "why does my loop never end")
        assert (turn["route"]["domain"], turn["route"]["router"]) == ("code", "llm_router")
        loads = [body for body in engine.asked("/api/chat") if not body["messages"]]
        assert [body["options"]["num_ctx"] for body in loads] == [2048]


async def test_a_surer_router_is_believed_more(tmp_path: Path) -> None:
    async with serving(tmp_path, '{"domain": "general"}') as (client, _):
        assert (await route(client, "python"))["router"] == "keyword_router"


async def test_a_message_that_the_model_finds_no_domain_for_is_marked_as_out_of_scope(tmp_path: Path) -> None:
    async with serving(tmp_path, '{"domain": "none"}') as (client, _):
        found = await route(client, "hello")
    assert (found["domain"], found["reason"], found["out_of_scope"]) == ("general", "out of scope", 0.6)


async def test_a_late_answer_leaves_the_others_their_say_and_is_told(tmp_path: Path) -> None:
    async with serving(tmp_path, "{", HANGS, timeout=0.1) as (client, engine):
        by_keyword = await route(client, "python")
        assert (by_keyword["domain"], by_keyword["router"]) == ("code", "keyword_router")
        assert by_keyword["evidence"][-1]["text"].startswith("llm_router had no say: the default model gave no answer")
        assert (await ask(client, "hello"))["outcome"] == "answered"
        await engine.until(lambda: engine.cut == 2)


async def test_without_an_engine_the_others_route_all_the_same(tmp_path: Path) -> None:
    async with serving(tmp_path) as (client, engine):
        await engine.stop()
        found = await route(client, "python")
    assert found["domain"] == "code"
    assert found["evidence"][-1]["text"].startswith("llm_router had no say: ")


async def test_a_turn_that_is_cancelled_while_it_is_routed_frees_the_model(tmp_path: Path) -> None:
    async with serving(tmp_path, "{", HANGS, timeout=9.0) as (client, engine):
        async with client.stream(
            "POST", "/api/chat", json={"message": "hello"}, headers={"Accept": "text/event-stream"}
        ) as response:
            turn = response.headers["X-MDSA-Turn"]
            await engine.until(lambda: any(body["messages"] for body in engine.asked("/api/chat")))
            await client.post(f"/api/turns/{turn}/cancel")
            await engine.until(lambda: engine.cut == 1)
        (model,) = (await client.get("/api/models")).json()["models"]
        assert model["use"]["in_use"] == 0


async def test_a_router_that_is_not_listed_is_never_asked(tmp_path: Path) -> None:
    async with serving(tmp_path, '{"domain": "code"}', routers=["keyword_router"]) as (client, engine):
        found = await route(client, "why does my loop never end")
        assert (found["domain"], found["router"]) == ("general", "fallback")
        assert engine.asked("/api/chat") == []
