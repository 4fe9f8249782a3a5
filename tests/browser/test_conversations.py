"""The list of conversations, and the way into one and out of it."""

import pytest
from playwright.async_api import expect

from tests.browser.asking import ask, expect_end
from tests.browser.conftest import Reading
from tests.serving import RunningServer

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_a_conversation_is_renamed_found_and_deleted(reading: Reading) -> None:
    async with reading("/chat") as page:
        await expect_end(await ask(page, "About apples"))
        await page.goto("/chat")
        await expect_end(await ask(page, "About pears"))
        items = page.locator("#conversations > li")
        await expect(items).to_have_count(2)

        await items.filter(has_text="About pears").locator("summary").click()
        await page.get_by_role("textbox", name="Title").fill("Fruit of the season")
        await page.get_by_role("button", name="Rename").click()
        await expect(page.locator("#title")).to_have_text("Fruit of the season")
        await expect(items.filter(has_text="Fruit of the season")).to_have_count(1)

        await page.get_by_role("searchbox").fill("apple")
        await expect(items).to_have_count(1)
        await expect(items).to_contain_text("About apples")
        await expect(items.locator("mark")).to_have_text("apple")
        await page.get_by_role("searchbox").fill("pears")
        await expect(items).to_contain_text("in a message")
        await page.get_by_role("searchbox").fill("cherries")
        await expect(items).to_have_text("No title and no message of yours has “cherries” in it.")
        await page.get_by_role("searchbox").fill("")
        await expect(items).to_have_count(2)

        page.on("dialog", lambda dialog: dialog.accept())
        await items.filter(has_text="About apples").locator("summary").click()
        await page.get_by_role("button", name="Delete").click()
        await expect(items).to_have_count(1)
        await items.locator("summary").click()
        await page.get_by_role("button", name="Delete").click()
        await page.wait_for_url("**/chat")
        await expect(items).to_have_text("Conversations will be listed here.")


async def test_back_leads_out_of_a_conversation_and_forward_into_it(reading: Reading) -> None:
    async with reading("/chat") as page:
        await expect_end(await ask(page, "Remember this"))
        address = page.url
        await page.go_back()
        await expect(page.locator(".turn")).to_have_count(0)
        await page.wait_for_load_state()
        await page.go_forward()

        await expect(page.locator(".turn")).to_contain_text("Remember this")
        assert page.url == address


async def test_without_scripts_conversations_are_searched_by_enter(reading: Reading, server: RunningServer) -> None:
    for message in ("About apples", "About pears"):
        await server.client.post("/api/chat", json={"message": message})
    async with reading("/chat", java_script_enabled=False) as page:
        await page.get_by_role("searchbox").fill("PEARS")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/chat?query=PEARS")
        await expect(page.locator("#conversations > li")).to_have_count(1)
        await expect(page.locator("#conversations mark")).to_have_text("pears")
