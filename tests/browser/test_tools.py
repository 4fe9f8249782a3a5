"""A person unfolds a tool, fills in its form, calls it, and reads what came of it without leaving the page."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import Reading
from tests.browser.test_pages import VIEWPORTS
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, running
from tests.tool_plugin import tool_settings

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    async with running(tool_settings(tmp_path, engine=engine.url)) as server:
        yield server


def tool(page: Page, name: str) -> Locator:
    return page.locator("details.tool", has=page.get_by_role("heading", name=name, exact=True, include_hidden=True))


async def fill_sign(sign: Locator) -> None:
    await sign.get_by_label("title").fill("Hello")
    await sign.get_by_label("day").fill("2024-05-31")
    await sign.get_by_label("color").select_option("red")


async def test_a_tool_is_tried_from_the_keyboard_alone(reading: Reading) -> None:
    async with reading("/tools") as page:
        now = tool(page, "now")
        await now.locator("summary").first.focus()
        await page.keyboard.press("Enter")
        zone = now.get_by_label("zone")
        await expect(zone).to_have_value("UTC")
        await page.keyboard.press("Tab")
        await expect(zone).to_be_focused()
        await page.keyboard.press("Control+A")
        await page.keyboard.type("Toky")
        await page.keyboard.press("Enter")
        outcome = now.get_by_role("status")
        await expect(outcome).to_contain_text("It refused")
        await expect(outcome).to_contain_text("Did you mean Asia/Tokyo")
        await expect(zone).to_be_focused()
        await page.keyboard.type("o")
        await page.keyboard.press("Enter")
        await expect(outcome).to_contain_text("It returned")
        await expect(now.get_by_label("Result")).to_contain_text('"zone": "Asia/Tokyo"')
        await expect(outcome).to_contain_text("""mdsa tools call now '{"zone": "Tokyo"}'""")
        await expect(page).to_have_url("/tools")


async def test_each_kind_of_field_is_sent_as_its_kind(reading: Reading) -> None:
    async with reading("/tools?tool=paint") as page:
        sign = tool(page, "paint")
        await fill_sign(sign)
        await sign.get_by_label("glossy").uncheck()
        await sign.get_by_label("framed").select_option("yes")
        await sign.get_by_label("tags").press_sequentially("one\ntwo")
        await sign.locator(".is-json textarea").press_sequentially('{"x": 3}')
        await page.keyboard.press("Control+Enter")
        result = sign.get_by_label("Result")
        for told in ('"day": "2024-05-31"', '"times": 2', '"glossy": false', '"framed": true', '"two"', '"x": 3'):
            await expect(result).to_contain_text(told)
        await expect(sign.get_by_label("glossy")).not_to_be_checked()
        await expect(sign.get_by_label("framed")).to_have_value("true")


async def test_the_way_leads_to_the_field_that_is_wrong_and_the_fault_goes_when_it_is_mended(reading: Reading) -> None:
    async with reading("/tools?tool=paint", allowed="422") as page:
        sign = tool(page, "paint")
        await fill_sign(sign)
        at = sign.locator(".is-json textarea")
        await at.fill("{x: 3}")
        await sign.get_by_role("button", name="Call paint").click()
        await expect(at).to_be_focused()
        await expect(at).to_have_accessible_description(
            "This is no JSON: line 1, column 2: Expecting property name enclosed in double quotes."
        )
        await at.fill("")
        await sign.get_by_role("button", name="Call paint").click()
        await expect(sign.get_by_label("Result")).to_contain_text('"at": null')
        await expect(sign.locator("[aria-invalid]")).to_have_count(0)


async def test_two_tools_are_open_side_by_side_and_each_keeps_what_came_of_it(reading: Reading) -> None:
    async with reading("/tools") as page:
        for name, told in (("whoami", "local for code"), ("send", "sent hello")):
            one = tool(page, name)
            await one.locator("summary").first.click()
            await one.get_by_label("for the domain").select_option("code")
            if name == "send":
                await one.get_by_label("text").fill("hello")
            await one.get_by_role("button", name=f"Call {name}").click()
            await expect(one.get_by_label("Result")).to_contain_text(told)
        await expect(tool(page, "whoami").get_by_label("Result")).to_contain_text("local for code")


async def test_a_server_that_is_gone_is_told_in_the_tools_place(reading: Reading) -> None:
    async with reading("/tools?tool=now", allowed="Failed to") as page:
        await page.route("**/tools/call", lambda route: route.abort())
        now = tool(page, "now")
        await now.get_by_role("button", name="Call now").click()
        await expect(now.get_by_role("alert")).to_contain_text("The server does not answer")
        await page.unroute("**/tools/call")
        await now.get_by_role("button", name="Call now").click()
        await expect(now.get_by_label("Result")).to_contain_text("weekday")
        await expect(now.get_by_role("alert")).to_have_count(0)


async def test_a_tool_that_is_denied_has_no_form(reading: Reading) -> None:
    async with reading("/tools?tool=mcp.files.erase") as page:
        await expect(tool(page, "mcp.files.erase").get_by_text("Nobody may call it.")).to_be_visible()
        await expect(tool(page, "mcp.files.erase").get_by_role("button")).to_have_count(0)


async def test_without_scripts_a_tool_is_tried_all_the_same(reading: Reading) -> None:
    async with reading("/tools", java_script_enabled=False) as page:
        send = tool(page, "send")
        await send.locator("summary").first.click()
        await send.get_by_label("text").fill("hello")
        await send.get_by_role("button", name="Call send").click()
        await expect(tool(page, "send").get_by_label("Result")).to_have_text("sent hello")
        await expect(tool(page, "send").get_by_label("text")).to_have_value("hello")


@pytest.mark.parametrize("viewport", VIEWPORTS, ids=["390", "1440"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_an_endless_result_scrolls_in_its_box_and_never_the_page_sideways(
    reading: Reading, viewport: dict[str, int], scheme: str
) -> None:
    async with reading("/tools?tool=tell_all", viewport=viewport, color_scheme=scheme) as page:
        await tool(page, "tell_all").get_by_role("button", name="Call tell_all").click()
        result = tool(page, "tell_all").get_by_label("Result")
        await expect(result).to_contain_text("20,000 characters in all")
        assert await result.evaluate("box => box.scrollHeight > box.clientHeight")
        await page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true })")
        assert await page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
