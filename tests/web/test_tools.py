"""Tools that are not on offer are told with the reason, wherever people look for them."""

from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import pytest

from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, make_settings, running

SLOW = '''
"""Tools of a program that is down."""

from mdsa_server.plugin_api import hookimpl


class Slow:
    withheld = {"mcp.slow.*": "the MCP server slow is down: <it> ended"}

    async def tools(self):
        return ()


@hookimpl
def register_tools(context):
    return [Slow()]
'''
BROKEN = 'raise RuntimeError("broken")'


@pytest.fixture
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "slow.py").write_text(SLOW, "utf-8")
    (plugins / "kitchen.py").write_text(BROKEN, "utf-8")
    host = {"directories": [str(plugins)], "disabled": ["embedding_router"]}
    async with running(make_settings(tmp_path, engine=engine.url, plugin_host=host)) as server:
        yield server


async def test_a_tool_that_is_withheld_is_told_with_the_reason(server: RunningServer) -> None:
    for answer in (
        await server.client.get("/api/tools/mcp.slow.fail"),
        await server.client.post("/api/tools/mcp.slow.fail/call", json={}),
    ):
        assert answer.status_code == 404
        assert answer.json()["detail"] == ("mcp.slow.fail is not on offer now: the MCP server slow is down: <it> ended")


async def test_a_tool_that_a_plugin_in_quarantine_may_offer_is_told_with_the_plugin(server: RunningServer) -> None:
    mend = (await server.client.get("/api/tools/entirely_else")).json()["mend"]
    assert mend == "Out of use, with what they may offer: kitchen. `mdsa plugins` says why."


async def test_the_page_ends_with_what_is_not_on_offer_and_why(server: RunningServer) -> None:
    raw = (await server.client.get("/tools", headers={"Accept": "text/html"})).text
    end = raw.partition("Not on offer now</h2>")[2]
    assert "&lt;it&gt; ended" in end
    assert '<span class="data">mcp.slow.*</span>: the MCP server slow is down: <it> ended' in unescape(end)
    assert '<a class="data" href="/plugins?plugin=kitchen">kitchen</a>' in end
    assert "RuntimeError" in end


async def test_the_page_says_why_a_tool_that_a_link_names_is_not_there(server: RunningServer) -> None:
    page = {"Accept": "text/html"}
    withheld = unescape((await server.client.get("/tools?tool=mcp.slow.fail", headers=page)).text)
    assert "<strong>mcp.slow.fail is not on offer now: the MCP server slow is down" in withheld
    unknown = unescape((await server.client.get("/tools?tool=nwo", headers=page)).text)
    assert "<strong>no plugin offers a tool named 'nwo'.</strong>" in unknown
    assert "Did you mean now?" in unknown
    assert "no plugin offers" not in (await server.client.get("/tools?tool=now", headers=page)).text
