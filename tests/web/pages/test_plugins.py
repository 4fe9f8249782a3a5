"""The page of plugins tells what was found and what went wrong, and puts plugins out of use and back."""

from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import pytest

from mdsa_server.web import auth
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer
from tests.web.plugin_server import SAID, SECRET, burn, kitchen

PAGE = {"Accept": "text/html"}
HTMX = {"HX-Request": "true"}


@pytest.fixture
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    async with kitchen(tmp_path, engine.url) as server:
        yield server


async def page(server: RunningServer, address: str = "/plugins") -> str:
    answer = await server.client.get(address, headers=PAGE)
    assert answer.status_code == 200
    return unescape(answer.text)


def part(text: str, name: str) -> str:
    """Give the part of the page that is about one plugin."""
    return text.partition(f'id="plugin-{name}"')[2].partition('<details id="plugin-')[0]


async def test_each_plugin_is_there_with_what_it_offers_and_how_it_is_set(server: RunningServer) -> None:
    text = await page(server)
    told = part(text, "kitchen")
    assert "router oven_router; tool bake, burn" in told
    assert '<a href="/tools?tool=bake">bake</a>' in told
    assert "[plugins.kitchen]" in told
    assert "a folder of yours" in told
    assert "(hidden)" in told
    assert SECRET not in text
    assert "no luck today" in part(text, "torn")
    assert "start the server again" in part(text, "idle")


async def test_what_needs_looking_at_stands_first(server: RunningServer) -> None:
    text = await page(server)
    assert text.index('id="plugin-torn"') < text.index('id="plugin-kitchen"') < text.index('id="plugin-idle"')


async def test_a_fault_is_told_with_its_traceback_to_admins_alone(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await burn(server)
    assert "in burn" in part(await page(server), "kitchen")
    assert SAID not in await page(server)
    monkeypatch.setattr(auth, "LOCAL", auth.Caller("local", frozenset({"chat", "monitor"})))
    told = part(await page(server), "kitchen")
    assert "ValueError" in told
    assert "in burn" not in told
    assert "/plugins/kitchen/disable" not in told


@pytest.mark.parametrize("headers", [HTMX, PAGE], ids=["htmx", "form"])
async def test_the_buttons_switch_a_plugin_and_say_how_it_stays_so(
    server: RunningServer, headers: dict[str, str]
) -> None:
    answer = await server.client.post("/plugins/kitchen/disable", headers=headers, follow_redirects=True)
    told = unescape(answer.text)
    assert 'disabled = ["embedding_router", "idle", "kitchen"]' in told
    assert "/plugins/kitchen/enable" in part(told, "kitchen")
    assert ("<!doctype html>" in told) == (headers is PAGE)
    answer = await server.client.post("/plugins/kitchen/enable", headers=headers, follow_redirects=True)
    assert "[plugin_host]\ndisabled" not in answer.text
    assert "/plugins/kitchen/disable" in part(unescape(answer.text), "kitchen")


async def test_what_cannot_be_enabled_is_a_problem_in_place(server: RunningServer) -> None:
    answer = await server.client.post("/plugins/torn/enable", headers=HTMX)
    assert answer.status_code == 409
    assert "was not loaded when the server started" in answer.text
    assert (await server.client.post("/plugins/nothing/enable", headers=HTMX)).status_code == 404


async def test_the_one_that_an_address_names_is_unfolded(server: RunningServer) -> None:
    text = await page(server, "/plugins?plugin=kitchen")
    assert text.count(" open>") == 1
    assert part(text, "kitchen").partition(">")[0].endswith("open")
    assert " open>" not in await page(server, "/plugins?plugin=nothing")
