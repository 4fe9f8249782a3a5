"""The configuration in the API: what is in force and what is wrong with it, for admins, without secrets."""

from pathlib import Path
from typing import Any

import pytest

from mdsa_server.configuration import read
from mdsa_server.web import auth
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import DOMAINS, RunningServer, make_settings, running

SECRET = "s3cr3t-of-mine"
FAULTY = '[server]\nprot = 1\n[domains.general]\ndescription = "x"\ntools = ["clok"]\n'


def keys_of(told: dict[str, Any]) -> dict[str, Any]:
    return {setting["key"]: setting for table in told["tables"] for setting in table["settings"]}


async def test_what_is_in_force_is_told_key_by_key(server: RunningServer, engine: ScriptedOllama) -> None:
    told = (await server.client.get("/api/configuration")).json()
    assert told["file"] is None
    keys = keys_of(told)
    assert keys["engine.url"]["value"] == engine.url
    assert keys["domains.code.keywords"]["value"] == ["python", "function"]
    assert keys["server.port"]["source"] == "default"


async def test_a_reload_is_seen(tmp_path: Path, engine: ScriptedOllama) -> None:
    later = make_settings(tmp_path, engine=engine.url, tools={"max_rounds": 7}, server={"port": 1})
    async with running(make_settings(tmp_path, engine=engine.url), reread=lambda: later) as server:
        await server.client.post("/api/reload")
        keys = keys_of((await server.client.get("/api/configuration")).json())
    assert keys["tools.max_rounds"]["value"] == 7
    assert (keys["server.port"]["value"], keys["server.port"]["waits"]) == (8642, True)


async def test_no_secret_is_told_of_a_plugin_s_settings(tmp_path: Path, engine: ScriptedOllama) -> None:
    servers = {"notes": {"command": ["no-such-program", "--token", SECRET], "env": {"ANY": SECRET}}}
    settings = make_settings(tmp_path, engine=engine.url, plugins={"mcp_tools": {"servers": servers}})
    async with running(settings) as server:
        for address in ("/api/configuration", "/api/configuration/check", "/api/plugins", "/configuration", "/plugins"):
            text = (await server.client.get(address)).text
            assert SECRET not in text, address
        assert "(hidden, 1 of them)" in (await server.client.get("/api/configuration")).text


async def test_a_check_tells_what_is_fine_and_what_is_not(tmp_path: Path, engine: ScriptedOllama) -> None:
    domains = DOMAINS | {"code": DOMAINS["code"] | {"model": "absent:7b"}}
    async with running(make_settings(tmp_path, engine=engine.url, domains=domains)) as server:
        found = (await server.client.get("/api/configuration/check")).json()
    assert found["faults"] == []
    assert [warning["key"] for warning in found["warnings"]] == ["domains.code.model"]
    assert found["fine"]["engine"].startswith("Ollama")
    assert found["fine"]["domains"] == "2: general, code"


async def test_a_check_reads_what_is_written_now_and_changes_nothing(tmp_path: Path, engine: ScriptedOllama) -> None:
    (tmp_path / "mdsa.toml").write_text(FAULTY)
    settings = make_settings(tmp_path, engine=engine.url)
    async with running(settings, reread=lambda: read(None, {}, tmp_path)) as server:
        found = (await server.client.get("/api/configuration/check")).json()
        assert [fault["key"] for fault in found["faults"]] == ["server.prot", "domains.general.tools"]
        assert found["later"]
        assert "domains.code.keywords" in keys_of((await server.client.get("/api/configuration")).json())


@pytest.mark.parametrize("text", ["a = [", "[server]\nport = 1"])
async def test_what_is_no_configuration_at_all_is_found_too(tmp_path: Path, engine: ScriptedOllama, text: str) -> None:
    (tmp_path / "mdsa.toml").write_text(text)
    settings = make_settings(tmp_path, engine=engine.url)
    async with running(settings, reread=lambda: read(None, {}, tmp_path)) as server:
        answer = await server.client.get("/api/configuration/check")
    assert answer.status_code == 200
    assert len(answer.json()["faults"]) == 1


async def test_without_an_engine_a_check_warns(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path, engine="http://127.0.0.1:9")) as server:
        found = (await server.client.get("/api/configuration/check")).json()
    assert [warning["key"] for warning in found["warnings"]] == ["engine.url"]


@pytest.mark.parametrize(
    "address", ["/api/configuration", "/api/configuration/check", "/configuration", "/configuration/check"]
)
async def test_it_is_for_admins(server: RunningServer, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await server.client.get(address)).status_code == 200
    monkeypatch.setattr(auth, "LOCAL", auth.Caller("local", frozenset({"chat", "monitor"})))
    assert (await server.client.get(address)).status_code == 403
