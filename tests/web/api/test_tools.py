"""Tools are listed as models read them, and called by hand within the same bounds."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, running
from tests.tool_plugin import tool_settings


@pytest.fixture
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    async with running(tool_settings(tmp_path, engine=engine.url)) as server:
        yield server


async def call(client: httpx.AsyncClient, tool: str, arguments: dict[str, Any] | None = None, **more: Any) -> Any:
    return await client.post(f"/api/tools/{tool}/call", json={"arguments": arguments or {}} | more)


async def test_tools_are_listed_by_name_with_all_that_is_known_of_them(client: httpx.AsyncClient) -> None:
    tools = (await client.get("/api/tools")).json()
    names = [tool["name"] for tool in tools]
    assert names == sorted(names)
    assert {"now", "calculate", "paint", "mcp.files.read"} <= set(names)
    assert (await client.get("/api/tools/send")).json() == {
        "name": "send",
        "description": "Send a text to everyone.",
        "parameters": {
            "type": "object",
            "properties": {"text": {"type": "string"}},
            "required": ["text"],
            "additionalProperties": False,
        },
        "plugin": "signs",
        "effects": True,
        "approval": "ask",
    }
    by_name = {tool["name"]: tool for tool in tools}
    assert (by_name["now"]["approval"], by_name["mcp.files.erase"]["approval"]) == ("auto", "deny")


async def test_a_tool_is_called_and_its_result_told(client: httpx.AsyncClient) -> None:
    answer = (await call(client, "days_between", {"start": "2024-02-28", "end": "2024-03-01"})).json()
    assert answer.pop("seconds") >= 0
    assert answer == {"tool": "days_between", "outcome": "returned", "result": "2", "cut": False}
    assert (await call(client, "mcp.files.read", {"path": "a"})).json()["result"] == '{"path":"a"}'


async def test_a_tool_is_called_for_the_fallback_or_the_domain_that_is_named(client: httpx.AsyncClient) -> None:
    assert (await call(client, "whoami")).json()["result"] == "local for general, conversation None"
    assert (await call(client, "whoami", domain="code")).json()["result"] == "local for code, conversation None"
    unknown = await call(client, "whoami", domain="cooking")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown-domain")


async def test_who_calls_a_tool_that_needs_a_yes_has_said_it(client: httpx.AsyncClient) -> None:
    assert (await call(client, "send", {"text": "hello"})).json()["result"] == "sent hello"


async def test_a_long_result_is_cut_and_says_so(client: httpx.AsyncClient) -> None:
    answer = (await call(client, "tell_all")).json()
    assert answer["cut"]
    assert answer["result"].endswith("[cut: 20,000 characters in all]")


@pytest.mark.parametrize(
    ("tool", "arguments", "status", "code", "told"),
    [
        ("add_days", {"start": "2024-01-01", "days": "some"}, 422, "arguments-unfit", "$.days"),
        ("add_days", {"start": "2024-01-01"}, 422, "arguments-unfit", "days"),
        ("add_days", {"start": "2024-01-01", "days": 1, "hours": 1}, 422, "arguments-unfit", "hours"),
        ("mcp.files.read", {"path": 1}, 422, "arguments-unfit", "$.path"),
        ("refuse", {}, 422, "tool-refused", "there is no such city. Name a large one."),
        ("break_down", {}, 502, "plugin-fault", "plugin signs, tool break_down: RuntimeError"),
        ("mcp.files.erase", {"path": "a"}, 403, "tool-denied", "mcp.files.erase"),
        ("nwo", {}, 404, "unknown-tool", "'nwo'"),
    ],
)
async def test_a_call_that_gives_no_result_is_a_problem(
    client: httpx.AsyncClient, tool: str, arguments: dict[str, Any], status: int, code: str, told: str
) -> None:
    answer = await call(client, tool, arguments)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert told in answer.json()["detail"]


async def test_who_sends_unfit_arguments_is_told_what_the_tool_takes(client: httpx.AsyncClient) -> None:
    mends = {tool: (await call(client, tool, {"x": 1})).json()["mend"] for tool in ("add_days", "now", "refuse")}
    assert mends == {
        "add_days": "It takes: start (a date such as 2024-05-31), days (a whole number).",
        "now": "It takes: zone (optional).",
        "refuse": "It takes: nothing.",
    }


async def test_a_tool_that_is_not_there_is_told_with_one_that_comes_close(client: httpx.AsyncClient) -> None:
    for answer in (await client.get("/api/tools/nwo"), await call(client, "nwo")):
        assert (answer.status_code, answer.json()["mend"]) == (404, "Did you mean now?")
    assert "mdsa tools" in (await client.get("/api/tools/entirely_else")).json()["mend"]


async def test_a_call_without_arguments_needs_no_body(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/tools/now/call")
    assert (answer.status_code, answer.json()["outcome"]) == (200, "returned")


@pytest.mark.parametrize("body", ["[]", '{"arguments": [1]}', '{"argument": {}}', '{"arguments": {"a": '])
async def test_a_body_that_is_no_call_is_the_callers_fault(client: httpx.AsyncClient, body: str) -> None:
    answer = await client.post("/api/tools/now/call", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
