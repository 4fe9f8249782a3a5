"""What the server has, and how it is."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from mdsa_server.app import create_app
from mdsa_server.configuration import read
from mdsa_server.errors import ConfigurationInvalid
from mdsa_server.settings import Settings
from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import DOMAINS, RunningServer, loaded, make_settings, running
from tests.web.api.reading import ask, rooms_of


async def test_domains_models_plugins_and_metrics_are_told(client: httpx.AsyncClient) -> None:
    await ask(client, "a python function")
    assert [domain["name"] for domain in (await client.get("/api/domains")).json()] == ["general", "code"]
    models = (await client.get("/api/models")).json()
    assert (models["engine"]["kind"], models["default_model"]) == ("ollama", "scripted:1b")
    assert models["models"][0]["resident"]["name"] == "scripted:1b"
    plugins = {plugin["name"]: plugin for plugin in (await client.get("/api/plugins")).json()}
    assert plugins["keyword_router"]["state"] == "active"
    metrics = (await client.get("/api/metrics")).json()
    assert metrics["turns"]["turns_by_domain"] == {"code": 1}
    assert metrics["uptime_seconds"] > 0


async def test_ready_follows_the_engine_and_live_does_not(client: httpx.AsyncClient, engine: ScriptedOllama) -> None:
    assert (await client.get("/health/ready")).json() == {"status": "ready", "store": "ok"}
    await engine.stop()
    response = await client.get("/health/ready")
    assert (response.status_code, response.json()["code"]) == (503, "engine-unreachable")
    assert response.headers["Retry-After"]
    assert (await client.get("/health/live")).json() == {"status": "live", "store": "ok"}


async def test_ready_follows_the_default_model(client: httpx.AsyncClient, engine: ScriptedOllama) -> None:
    assert (await client.get("/health/ready")).status_code == 200
    model = engine.models.pop("scripted:1b")
    for _ in range(2):
        response = await client.get("/health/ready")
        assert (response.status_code, response.json()["code"]) == (503, "unknown-model")
        assert "mdsa models pull" in response.json()["mend"]
    engine.models["scripted:1b"] = model
    assert (await client.get("/health/ready")).status_code == 200


async def test_a_server_that_takes_no_more_turns_is_not_ready(server: RunningServer) -> None:
    await rooms_of(server).live_turns.close(0.0)
    response = await server.client.get("/health/ready")
    assert (response.status_code, response.json()["code"]) == (503, "server-closing")


async def test_without_an_engine_the_server_starts_and_says_what_is_missing(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path, engine="http://127.0.0.1:9")) as server:
        for response in (
            await server.client.get("/health/ready"),
            await server.client.post("/api/chat", json={"message": "hello"}),
        ):
            assert (response.status_code, response.json()["code"]) == (503, "no-engine")
            assert "http://127.0.0.1:9" in response.json()["detail"]
            assert "ollama serve" in response.json()["mend"]
        models = (await server.client.get("/api/models")).json()
        assert (models["engine"]["kind"], models["models"]) == ("none", [])
        assert (await server.client.get("/health/live")).status_code == 200


async def test_an_engine_without_chat_models_is_told_with_a_command_to_fetch_one(tmp_path: Path) -> None:
    bert = ScriptedModel(name="all-minilm:latest", family="bert", capabilities=("embedding",))
    async with ScriptedOllama(bert) as engine, running(make_settings(tmp_path, engine=engine.url)) as server:
        response = await server.client.post("/api/chat", json={"message": "hello"})
        assert (response.status_code, response.json()["code"]) == (404, "unknown-model")
        assert "mdsa models pull" in response.json()["mend"]


async def test_pulling_a_model_tells_how_far_it_is(client: httpx.AsyncClient, engine: ScriptedOllama) -> None:
    engine.pullable["tiny:1b"] = ScriptedModel(name="tiny:1b")
    text = (await client.post("/api/models/pull", json={"name": "tiny:1b"})).text
    assert text.endswith("event: done\ndata: {}\n\n")
    assert '"completed":50000000' in text
    names = [row["installed"]["name"] for row in (await client.get("/api/models")).json()["models"]]
    assert "tiny:1b" in names
    failed = (await client.post("/api/models/pull", json={"name": "nothing:1b"})).text
    problem = json.loads(failed.split("event: problem\ndata: ")[1])
    assert problem["detail"]
    assert (await client.post("/api/models/pull", json={"name": " "})).status_code == 400


async def test_reloading_swaps_domains_between_turns(tmp_path: Path, engine: ScriptedOllama) -> None:
    settings = make_settings(tmp_path, engine=engine.url)
    cooking = {"cooking": {"description": "Food", "keywords": ["soup"]}}
    later: list[Settings] = [make_settings(tmp_path, engine=engine.url, domains=DOMAINS | cooking)]
    async with running(settings, reread=lambda: later[0]) as server:
        assert (await ask(server.client, "soup"))["domain"] == "general"
        assert (await server.client.post("/api/reload")).json() == {
            "domains": ["general", "code", "cooking"],
            "warnings": [],
            "needs_restart": [],
            "folders": [],
        }
        assert (await ask(server.client, "soup"))["domain"] == "cooking"


async def test_a_reload_takes_in_the_folders_that_it_names(tmp_path: Path, engine: ScriptedOllama) -> None:
    folder = tmp_path / "manuals"
    folder.mkdir()
    (folder / "pump.md").write_text("# Pump\n\nOil it.\n")
    general = DOMAINS["general"] | {"folders": [str(folder)]}
    later = make_settings(tmp_path, engine=engine.url, domains=DOMAINS | {"general": general})
    async with running(make_settings(tmp_path, engine=engine.url), reread=lambda: later) as server:
        for told in ([str(folder)], []):
            assert (await server.client.post("/api/reload")).json()["folders"] == told
        async with asyncio.timeout(30):
            while not (await server.client.get("/api/collections")).json()["collections"]:  # noqa: ASYNC110  # only asking tells
                await asyncio.sleep(0.05)
        assert [one["source"] for one in (await server.client.get("/api/documents")).json()["documents"]] == [
            str(folder / "pump.md")
        ]


async def test_a_reload_tells_what_it_could_not_take_up_and_what_may_not_work(
    tmp_path: Path, engine: ScriptedOllama
) -> None:
    domains = {"general": DOMAINS["general"] | {"model": "absent:7b"}}
    later = make_settings(tmp_path, engine=engine.url, domains=domains).model_copy(deep=True)
    later = later.model_copy(update={"server": later.server.model_copy(update={"max_message_chars": 7})})
    async with running(make_settings(tmp_path, engine=engine.url), reread=lambda: later) as server:
        answer = (await server.client.post("/api/reload")).json()
        assert answer["needs_restart"] == ["server.max_message_chars"]
        (warning,) = answer["warnings"]
        assert "absent:7b" in warning


async def test_a_faulty_file_changes_nothing_and_its_faults_are_told(tmp_path: Path, engine: ScriptedOllama) -> None:
    faulty = tmp_path / "mdsa.toml"
    faulty.write_text(
        '[server]\nprot = 1\n[domains.general]\ndescription = "x"\ntools = ["clok"]\n[domains.code]\ndescription = ""\n'
    )
    async with running(make_settings(tmp_path, engine=engine.url), reread=lambda: read(faulty, {}, tmp_path)) as server:
        response = await server.client.post("/api/reload")
        assert (response.status_code, response.json()["code"]) == (422, "configuration-invalid")
        assert [(fault["line"], fault["key"]) for fault in response.json()["faults"]] == [
            (2, "server.prot"),
            (5, "domains.general.tools"),
            (7, "domains.code.description"),
        ]
        assert (await ask(server.client, "a python function"))["domain"] == "code"


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = " + "1" * 5000])
async def test_a_file_that_python_cannot_read_is_a_fault_and_no_error_of_the_servers(
    tmp_path: Path, engine: ScriptedOllama, text: str
) -> None:
    endless = tmp_path / "mdsa.toml"
    endless.write_text(f"[server]\nport = 1\n{text}\n")
    settings = make_settings(tmp_path, engine=engine.url)
    async with running(settings, reread=lambda: read(endless, {}, tmp_path)) as server:
        response = await server.client.post("/api/reload")
        assert (response.status_code, response.json()["faults"][0]["line"]) == (422, 3)


async def test_readiness_asks_for_the_models_that_the_domains_use(tmp_path: Path, engine: ScriptedOllama) -> None:
    for model, default, status in (("scripted:1b", "absent:1b", 200), ("absent:1b", "scripted:1b", 503)):
        settings = make_settings(
            tmp_path,
            engine=engine.url,
            domains={"general": {"description": "All", "model": model}},
        )
        settings = settings.model_copy(update={"engine": settings.engine.model_copy(update={"default_model": default})})
        async with running(settings) as server:
            assert (await server.client.get("/health/ready")).status_code == status


async def test_a_tool_that_nothing_offers_is_refused_at_the_start_and_at_a_reload(
    tmp_path: Path, engine: ScriptedOllama
) -> None:
    wishful = {"general": DOMAINS["general"] | {"tools": ["clok"]}}
    wish = make_settings(tmp_path, engine=engine.url, domains=wishful)
    async with running(make_settings(tmp_path, engine=engine.url), reread=lambda: wish) as server:
        (fault,) = (await server.client.post("/api/reload")).json()["faults"]
        assert fault["key"] == "domains.general.tools"
        assert "clok" in fault["what"]
    with pytest.RaisesGroup(ConfigurationInvalid, allow_unwrapped=True, flatten_subgroups=True):
        async with create_app(loaded(wish, lambda: wish)).lifespan():
            pass


async def test_the_api_is_described_for_programs(client: httpx.AsyncClient, server: RunningServer) -> None:
    described = (await client.get("/schema/openapi.json")).json()
    assert described["info"]["title"] == "MDSA Server"
    assert {"/api/chat", "/api/turns/{turn}/events", "/api/conversations/{conversation}"} <= set(described["paths"])
    assert all(
        "description" in operation or "summary" in operation
        for path in described["paths"].values()
        for operation in path.values()
    )
