"""Everything can be done from the keyboard."""

import asyncio

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Reading
from tests.fakes.script import HANGS, ScriptedModel

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

NARROW = {"viewport": {"width": 390, "height": 844}}


async def test_the_first_stop_skips_to_the_content(reading: Reading) -> None:
    async with reading("/") as page:
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")

        await expect(page.get_by_label("Your message")).to_be_focused()


async def test_in_the_chat_it_skips_to_the_message(reading: Reading) -> None:
    async with reading("/chat") as page:
        await page.get_by_role("link", name="Skip to your message").focus()
        await page.keyboard.press("Enter")

        await expect(page.get_by_label("Your message")).to_be_focused()


async def test_a_slash_leads_to_the_message_unless_one_is_writing(reading: Reading) -> None:
    async with reading("/chat") as page:
        box = page.get_by_label("Your message")
        await box.blur()
        await page.keyboard.press("/")
        await expect(box).to_be_focused()
        await page.keyboard.type("a/b")

        await expect(box).to_have_value("a/b")


async def test_shift_and_enter_begin_a_new_line(reading: Reading) -> None:
    async with reading("/chat") as page:
        await page.keyboard.type("one")
        await page.keyboard.press("Shift+Enter")
        await page.keyboard.type("two")

        await expect(page.get_by_label("Your message")).to_have_value("one\ntwo")
        await expect(page.locator(".turn")).to_have_count(0)


async def test_the_message_box_grows_with_what_is_written(reading: Reading) -> None:
    async with reading("/chat") as page:
        box = page.get_by_label("Your message")
        before = await box.bounding_box()
        await box.fill("one\ntwo\nthree\nfour")
        after = await box.bounding_box()

        assert before is not None
        assert after is not None
        assert after["height"] > 2 * before["height"]


async def test_enter_sends_nothing_while_an_answer_is_coming(reading: Reading, model: ScriptedModel) -> None:
    model.says = ["Half", HANGS]

    async with reading("/chat") as page:
        await page.keyboard.type("First")
        await page.keyboard.press("Enter")
        await expect(page.locator(".prose")).to_have_text("Half")
        await page.keyboard.type("Second")
        await page.keyboard.press("Enter")
        await expect(page.get_by_label("Your message")).to_have_value("Second")

        for _ in range(3):
            await page.keyboard.press("Tab")
            if await page.evaluate("document.activeElement.classList.contains('stop')"):
                break
        await page.keyboard.press("Enter")
        await expect(page.locator(".answer")).to_contain_text("Stopped.")
        await expect(page.locator(".turn")).to_have_count(1)


async def test_the_configuration_is_read_again_from_the_keyboard(reading: Reading) -> None:
    async with reading("/") as page:
        await page.get_by_role("button", name="Read mdsa.toml again").press("Enter")

        await expect(page.get_by_role("status")).to_contain_text("Read again: general, code.")
        await expect(page.get_by_role("button", name="Read mdsa.toml again")).to_be_focused()


async def test_escape_closes_the_drawer_and_leads_back_to_its_button(reading: Reading) -> None:
    async with reading("/chat", **NARROW) as page:
        opener = page.get_by_role("button", name="Conversations", exact=True)
        await expect(page.locator("#drawer")).to_be_hidden()
        await opener.focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#drawer")).to_be_visible()
        await page.keyboard.press("Escape")

        await expect(page.locator("#drawer")).to_be_hidden()
        await expect(opener).to_be_focused()


async def test_why_unfolds_from_the_keyboard_and_stays_open_while_the_answer_grows(
    reading: Reading, model: ScriptedModel
) -> None:
    more = asyncio.Event()
    model.says = ["One", more, " two."]

    async with reading("/chat") as page:
        await page.keyboard.type("Explain this python function")
        await page.keyboard.press("Enter")
        await expect(page.locator(".prose")).to_have_text("One")
        await page.locator(".route summary").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator(".why")).to_be_visible()
        more.set()

        await expect(page.locator(".prose")).to_have_text("One two.")
        await expect(page.locator(".answer")).to_have_attribute("aria-busy", "false")
        await expect(page.locator(".why")).to_be_visible()
        await expect(page.locator(".route summary")).to_be_focused()
