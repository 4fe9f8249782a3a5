"""A person watches the monitor: it moves by itself, leaves them alone where they are at work, and stays light."""

import asyncio
import os
from dataclasses import replace
from typing import Any

import pytest
from playwright.async_api import CDPSession, Page, Request, expect

from mdsa_server.web.feed import Feeds
from tests.browser.conftest import Reading
from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer
from tests.web.api.reading import ask, rooms_of

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

MINUTES = float(os.environ.get("MDSA_MONITOR_MINUTES", "0"))
"""For how long an open page is watched; 0 shows it some sixty frames at once."""
FRAMES = 60
FAST_SECONDS = 0.02


def quicken(server: RunningServer) -> None:
    """Have frames come as fast as they can be shown, from the next page on."""
    rooms = rooms_of(server)
    server.app.state.rooms = replace(rooms, feeds=Feeds(rooms.spawn, interval=FAST_SECONDS))


def figure(page: Page, name: str) -> Any:
    return page.locator("#figures > div", has=page.get_by_text(name, exact=True)).locator(".figure")


async def connected(page: Page) -> None:
    """Wait until the stream has told something: times are written anew."""
    await expect(page.locator("#status")).not_to_have_text(await page.locator("#status").inner_text())


async def test_a_turn_asked_for_elsewhere_is_seen_within_a_second(
    reading: Reading, server: RunningServer, model: ScriptedModel
) -> None:
    gate = asyncio.Event()
    model.says = ["Hello", gate]
    async with reading("/monitor") as page:
        await connected(page)
        asking = asyncio.create_task(ask(server.client, "a python function"))
        await expect(figure(page, "Now")).to_have_text("1", timeout=1_000)
        gate.set()
        await asking
        await expect(figure(page, "Succeeded")).to_have_text("100 %", timeout=1_000)
        await expect(page.locator("#domain-code")).to_contain_text("100 %")
        await expect(page.locator("#chart-turns svg")).to_have_attribute(
            "aria-label", "Turns in the last 15 minutes: 1 answered, 0 failed, 0 stopped."
        )


async def test_one_page_holds_one_stream_and_the_window_is_a_link(reading: Reading) -> None:
    asked: list[str] = []
    async with reading("/monitor") as page:

        def note(request: Request) -> None:
            asked.append(request.url.partition("/monitor")[2])

        page.on("request", note)
        await page.get_by_role("link", name="24 hours").click()
        await page.wait_for_url("**/monitor?window=24h")
        await expect(page.get_by_role("link", name="24 hours")).to_have_attribute("aria-current", "true")
        await connected(page)
        assert [url for url in asked if url.startswith("/stream")] == ["/stream?window=24h"]


async def test_models_are_loaded_pinned_and_unloaded_from_the_keyboard(
    reading: Reading, engine: ScriptedOllama
) -> None:
    engine.models["other:1b"] = ScriptedModel(name="other:1b")
    async with reading("/monitor") as page:
        row = page.locator('[id="model-other:1b"]')
        await row.get_by_role("button", name="Load other:1b").focus()
        await page.keyboard.press("Enter")
        await expect(row.get_by_role("button", name="Unload other:1b")).to_be_focused()
        await expect(row).to_contain_text("100 MB")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(row.get_by_role("button", name="Unpin other:1b")).to_be_focused()
        await expect(row).to_contain_text("pinned")
        await page.keyboard.press("Enter")
        await expect(row.get_by_role("button", name="Pin other:1b", exact=True)).to_be_focused()
        await page.keyboard.press("Shift+Tab")
        await page.keyboard.press("Enter")
        await expect(row).to_contain_text("on disk")
    assert engine.memory.now() == {}


async def test_what_cannot_be_done_with_a_model_is_said_in_place_and_goes_when_it_can(
    reading: Reading, server: RunningServer, engine: ScriptedOllama, model: ScriptedModel
) -> None:
    gate = asyncio.Event()
    model.says = ["Hello", gate]
    quicken(server)
    async with reading("/monitor", allowed="409") as page:
        asking = asyncio.create_task(ask(server.client, "hello"))
        await page.get_by_role("button", name="Unload scripted:1b").click()
        problem = page.locator("#models-problem")
        await expect(problem).to_contain_text("turns are using")
        await expect(problem).to_contain_text("To mend it")
        gate.set()
        await asking
        await expect(figure(page, "Now")).to_have_text("0")
        await expect(problem).to_contain_text("turns are using")
        await page.get_by_role("button", name="Unload scripted:1b").click()
        await expect(problem).to_be_empty()


async def test_what_a_person_is_at_survives_new_frames(
    reading: Reading, server: RunningServer, engine: ScriptedOllama
) -> None:
    quicken(server)
    async with reading("/monitor") as page:
        processes = page.locator(".processes")
        await processes.locator("summary").click()
        await expect(processes).to_have_attribute("open", "")
        await page.evaluate("getSelection().selectAllChildren(document.querySelector('.model-name'))")
        button = page.get_by_role("button", name="Pin scripted:1b")
        await button.focus()
        for answered in range(1, 6):
            await ask(server.client, "a python function")
            await expect(page.locator("#figures")).to_contain_text(f"{answered} answered")
        await expect(processes).to_have_attribute("open", "")
        await expect(button).to_be_focused()
        assert await page.evaluate("getSelection().toString()") == "scripted:1b"


class Weight:
    """What a page holds in memory, once what nobody needs is collected."""

    def __init__(self, devtools: CDPSession) -> None:
        self._devtools = devtools

    @classmethod
    async def of(cls, page: Page) -> "Weight":
        devtools = await page.context.new_cdp_session(page)
        await devtools.send("Performance.enable")
        return cls(devtools)

    async def measured(self) -> tuple[float, float]:
        """Give the bytes of scripts and the number of nodes."""
        for _ in range(3):
            await self._devtools.send("HeapProfiler.collectGarbage")
        told = (await self._devtools.send("Performance.getMetrics"))["metrics"]
        metrics = {metric["name"]: metric["value"] for metric in told}
        return metrics["JSHeapUsedSize"], metrics["Nodes"]


async def frames_come(page: Page, server: RunningServer, frames: int) -> None:
    """Have turns answered until so many frames were merged into the page."""
    seen = await page.evaluate("self.frames_seen ?? 0")
    while await page.evaluate("self.frames_seen ?? 0") < seen + frames:
        await ask(server.client, "a python function")
        await asyncio.sleep(0.5 if MINUTES else 0)


async def test_an_open_page_does_not_grow(reading: Reading, server: RunningServer) -> None:
    if not MINUTES:
        quicken(server)
    async with reading("/monitor") as page:
        weight = await Weight.of(page)
        await page.evaluate(
            "addEventListener('htmx:sse:after:message', () => { self.frames_seen = (self.frames_seen ?? 0) + 1 })"
        )
        # At first there is more to show with each turn.
        await frames_come(page, server, FRAMES)
        before = await weight.measured()
        if MINUTES:
            ends = asyncio.get_running_loop().time() + MINUTES * 60
            while asyncio.get_running_loop().time() < ends:
                await frames_come(page, server, 2)
        else:
            await frames_come(page, server, FRAMES)
        bytes_, nodes = await weight.measured()
        assert bytes_ < before[0] + 500_000, (before, bytes_)
        assert nodes < before[1] + 200, (before, nodes)
