"""Plugins in the API: who is told what, and what is out of use is asked no more."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mdsa_server.web import auth
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer
from tests.web.api.reading import ask
from tests.web.plugin_server import SAID, SECRET, burn, kitchen


@pytest.fixture
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    async with kitchen(tmp_path, engine.url) as server:
        yield server


async def plugin(server: RunningServer, name: str) -> dict[str, Any]:
    told = (await server.client.get("/api/plugins")).json()
    (one,) = [plugin for plugin in told if plugin["name"] == name]
    return dict(one)


async def switch(server: RunningServer, name: str, what: str) -> tuple[int, dict[str, Any]]:
    answer = await server.client.post(f"/api/plugins/{name}/{what}")
    return answer.status_code, answer.json()


async def test_a_message_goes_to_the_fallback_while_the_only_router_is_disabled(server: RunningServer) -> None:
    assert (await ask(server.client, "bread"))["domain"] == "code"
    status, told = await switch(server, "kitchen", "disable")
    assert (status, told["state"], told["until_restart"], told["offers"]) == (200, "disabled", True, [])
    turn = await ask(server.client, "bread")
    assert (turn["domain"], turn["route"]["router"]) == ("general", "fallback")
    status, told = await switch(server, "kitchen", "enable")
    assert (status, told["state"]) == (200, "active")
    assert (await ask(server.client, "bread"))["domain"] == "code"


async def test_the_tools_of_a_disabled_plugin_are_not_on_offer(server: RunningServer) -> None:
    await switch(server, "kitchen", "disable")
    answer = await server.client.post("/api/tools/bake/call", json={"arguments": {"what": "bread"}})
    assert answer.status_code == 404
    assert "Out of use, with what they may offer: kitchen, torn" in answer.json()["mend"]
    assert "bake" not in [tool["name"] for tool in (await server.client.get("/api/tools")).json()]


async def test_a_reload_takes_no_router_that_is_disabled_for_now_for_a_fault(server: RunningServer) -> None:
    await switch(server, "kitchen", "disable")
    answer = await server.client.post("/api/reload")
    assert answer.status_code == 200, answer.text
    assert any("oven_router" in warning for warning in answer.json()["warnings"])


async def test_one_in_quarantine_is_enabled_with_its_faults_counted_anew(server: RunningServer) -> None:
    await burn(server, 5)
    assert (await plugin(server, "kitchen"))["state"] == "quarantined"
    assert (await switch(server, "kitchen", "enable"))[1]["state"] == "active"
    await burn(server, 4)
    assert (await plugin(server, "kitchen"))["state"] == "active"


@pytest.mark.parametrize(
    ("name", "what", "status", "code", "told"),
    [
        ("torn", "enable", 409, "plugin-not-loaded", "no luck today"),
        ("idle", "enable", 409, "plugin-not-loaded", "disabled names it"),
        ("kitchn", "disable", 404, "unknown-plugin", "kitchn"),
        ("x" * 3000, "enable", 404, "unknown-plugin", "xxx"),
        ("%00%E2%80%AE", "disable", 404, "unknown-plugin", "no plugin"),
    ],
)
async def test_what_cannot_be_switched_says_why(
    server: RunningServer, name: str, what: str, status: int, code: str, told: str
) -> None:
    found, problem = await switch(server, name, what)
    assert (found, problem["code"]) == (status, code)
    assert told in problem["detail"]
    assert problem["mend"]


async def test_settings_are_told_with_their_defaults_and_without_secrets(server: RunningServer) -> None:
    told = {setting["name"]: setting for setting in (await plugin(server, "kitchen"))["settings"]}
    assert told["ovens"] == {"name": "ovens", "value": 2, "default": 1, "is_default": False}
    assert told["api_key"]["value"] == "(hidden)"
    assert told["env"]["value"] == "(hidden, 1 of them)"
    assert SECRET not in (await server.client.get("/api/plugins")).text


async def test_tracebacks_and_settings_are_for_admins_and_what_was_said_is_in_none(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await burn(server)
    fault = (await plugin(server, "kitchen"))["faults"][0]
    assert "in burn" in fault["traceback"]
    assert SAID not in fault["traceback"]
    monkeypatch.setattr(auth, "LOCAL", auth.Caller("local", frozenset({"chat", "monitor"})))
    seen = await plugin(server, "kitchen")
    assert [fault["traceback"] for fault in seen["faults"]] == [""]
    assert seen["settings"] == []
    assert (await switch(server, "kitchen", "disable"))[0] == 403
    assert (await plugin(server, "kitchen"))["state"] == "active"
