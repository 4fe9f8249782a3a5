"""The page of the monitor, with scripts and without: what it shows, what its stream tells, and what its buttons do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from html import unescape
from typing import Any

import httpx
import pytest

from mdsa_server.web.feed import Feeds
from tests.fakes.script import DIES, ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer
from tests.web.api.reading import ask, rooms_of

HTMX = {"HX-Request": "true", "Accept": "text/html"}
PLAIN = {"Accept": "text/html"}
MODEL = "scripted:1b"


async def page(server: RunningServer, window: str = "15m") -> str:
    answer = await server.client.get("/monitor", params={"window": window}, headers=PLAIN)
    assert answer.status_code == 200, answer.text
    return unescape(answer.text)


async def pressed(
    server: RunningServer, verb: str, model: str = MODEL, headers: dict[str, str] = HTMX
) -> httpx.Response:
    return await server.client.post(f"/monitor/models/{verb}?window=24h", data={"name": model}, headers=headers)


@asynccontextmanager
async def watching(server: RunningServer, window: str = "15m") -> AsyncIterator[AsyncIterator[str]]:
    """Follow the stream; gives its frames."""

    async def frames(response: httpx.Response) -> AsyncIterator[str]:
        told = ""
        async for text in response.aiter_text():
            told += text
            while "\n\n" in told:
                frame, _, told = told.partition("\n\n")
                yield unescape(frame)

    async with server.client.stream("GET", "/monitor/stream", params={"window": window}) as response:
        yield frames(response)


async def until(frames: AsyncIterator[str], text: str) -> list[str]:
    """Read frames until one has `text` in it; gives all that were read."""
    read = []
    async with asyncio.timeout(5):
        async for frame in frames:
            read.append(frame)
            if text in frame:
                return read
    raise AssertionError(f"the stream ended without {text!r}")


@pytest.mark.parametrize(("window", "words"), [("15m", "15 minutes"), ("24h", "24 hours"), ("30d", "30 days")])
async def test_a_window_is_shown_in_whole(server: RunningServer, window: str, words: str) -> None:
    await ask(server.client, "a python function")
    shown = await page(server, window)
    assert f'<a href="/monitor?window={window}" aria-current="true">{words}</a>' in shown
    assert f"Turns in the last {words}: 1 answered, 0 failed, 0 stopped." in shown
    assert "1 answered, <span>0 failed</span>, 0 stopped" in shown
    assert f'hx-sse:connect="/monitor/stream?window={window}"' in shown
    assert '<tr id="model-scripted:1b" class="is-resident">' in shown
    code = shown.partition('<tr id="domain-code">')[2].partition("</tr>")[0]
    assert "100 %" in code
    assert "Nobody waits for a model." in shown


async def test_before_anything_happened_it_says_what_will_be_seen(server: RunningServer) -> None:
    shown = await page(server)
    assert "Each bar will be the turns that ended in 10 seconds." in shown
    assert shown.count("no answer yet") == 2


async def test_without_an_engine_the_page_says_so(server: RunningServer, engine: ScriptedOllama) -> None:
    await engine.stop()
    await rooms_of(server).engine.find()
    shown = await page(server)
    assert "No engine answers" in shown
    assert '<p class="models-fault">' in shown
    await engine.start()


async def test_a_stream_tells_all_sections_first_and_then_what_changes(
    server: RunningServer, model: ScriptedModel
) -> None:
    gate = asyncio.Event()
    model.says = ["Hello", gate]
    async with watching(server) as frames:
        first = await until(frames, '<hx-partial hx-target="#machine"')
        names = ["status", "figures", "charts", "line", "models", "domains", "machine"]
        assert [frame.partition('hx-target="#')[2].partition('"')[0] for frame in first[:7]] == names
        asking = asyncio.create_task(ask(server.client, "a python function"))
        await until(frames, '<dd class="figure">1</dd><dd class="quiet">turn under way')
        gate.set()
        await asking
        assert "1 answered" in (await until(frames, "1 answered"))[-1]
    assert all("<script" not in frame for frame in first)


async def test_all_who_watch_a_window_are_told_the_same(server: RunningServer) -> None:
    server.app.state.rooms = replace(rooms_of(server), feeds=Feeds(rooms_of(server).spawn, interval=0.01))
    async with watching(server) as one, watching(server) as other:
        await asyncio.gather(until(one, "#machine"), until(other, "#machine"))
        await ask(server.client, "hello")
        for frames in (one, other):
            assert "1 answered" in (await until(frames, "1 answered"))[-1]


async def test_buttons_load_pin_and_unload_and_show_the_models_as_they_are(
    server: RunningServer, engine: ScriptedOllama
) -> None:
    for verb, resident, button in (("load", True, "Unload"), ("pin", True, "Unpin"), ("unpin", True, "Pin")):
        answer = await pressed(server, verb)
        assert answer.status_code == 200
        assert answer.text.lstrip().startswith('<div id="models">')
        assert f">{button}<span" in answer.text
        assert '<hx-partial hx-target="#models-problem"' in answer.text
        assert (MODEL in engine.memory.now()) == resident
    assert ">Load<span" in (await pressed(server, "unload")).text
    assert engine.memory.now() == {}


async def test_without_scripts_a_button_leads_back_to_the_page(server: RunningServer, engine: ScriptedOllama) -> None:
    answer = await pressed(server, "load", headers=PLAIN)
    assert (answer.status_code, answer.headers["location"]) == (303, "/monitor?window=24h#models")
    assert MODEL in engine.memory.now()


@pytest.mark.parametrize(
    ("verb", "name", "status"),
    [
        ("load", "nothing:1b", 404),
        ("unload", "nothing:1b", 404),
        ("pin", "nothing:1b\0<b>", 404),
        ("unload", MODEL, 400),
        ("unpin", MODEL, 400),
        ("load", "", 400),
        ("load", " ", 400),
        ("load", "x" * 10_000, 400),
        ("explode", MODEL, 400),
    ],
)
async def test_what_cannot_be_done_is_said_with_how_to_mend_it(
    server: RunningServer, verb: str, name: str, status: int
) -> None:
    answer = await pressed(server, verb, name)
    assert answer.status_code == status
    assert '<section class="problem" role="alert">' in answer.text
    assert "To mend it" in answer.text
    assert "<b>" not in answer.text


@pytest.mark.parametrize(
    "sent",
    [
        {"json": {"name": MODEL}},
        {"content": b"\x00\xff", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"content": b"name=%ff%00", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        {"files": {"name": ("name", b"a file")}},
        {},
    ],
)
async def test_what_is_no_form_of_the_page_is_refused(server: RunningServer, sent: dict[str, Any]) -> None:
    answer = await server.client.post("/monitor/models/load", **sent)
    assert 400 <= answer.status_code < 500, answer.text


async def test_a_model_that_is_in_use_is_not_unloaded_and_the_page_says_why(
    server: RunningServer, model: ScriptedModel
) -> None:
    gate = asyncio.Event()
    model.says = ["Hello", gate]
    live = await rooms_of(server).live_turns.start("local", "hello")
    while rooms_of(server).counters.running_by_domain == {}:  # noqa: ASYNC110  # nothing tells of it
        await asyncio.sleep(0.01)
    await server.client.get("/monitor")
    answer = await pressed(server, "unload")
    while answer.status_code == 400:
        # The turn was not admitted yet.
        answer = await pressed(server, "unload")
    assert answer.status_code == 409
    assert "turns are using" in answer.text
    gate.set()
    await live.finished()


async def test_a_failed_turn_stands_out(server: RunningServer, model: ScriptedModel) -> None:
    model.says = ["Hello", DIES]
    await server.client.post("/api/chat", json={"message": "hello"})
    shown = await page(server)
    assert '<span class="bad">1 failed</span>' in shown
