"""A long conversation is shown from its end, and read backwards as far as one likes."""

import re

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.asking import ask, expect_end
from tests.browser.conftest import Reading
from tests.serving import RunningServer

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

LONG = 120


async def a_long_conversation(server: RunningServer) -> str:
    """Have a conversation of LONG turns, and give its page's address."""
    fields: dict[str, str] = {}
    for number in range(1, LONG + 1):
        answered = await server.client.post("/api/chat", json={"message": f"Number {number}."} | fields)
        fields = {"conversation": answered.json()["turn"]["conversation"]}
    return f"/chat/{fields['conversation']}"


async def numbers(page: Page) -> list[str]:
    """Give the messages that are shown, first and last."""
    questions = await page.locator(".question p").all_text_contents()
    return [questions[0], questions[-1]]


def said(page: Page, text: str) -> Locator:
    """Give a message, as it is shown and not as it may be edited."""
    return page.locator(f'.question > p:text-is("{text}")')


async def top_of(page: Page, text: str) -> float:
    place = await said(page, text).bounding_box()
    assert place is not None
    return place["y"]


async def test_it_opens_at_its_end_and_goes_back_fifty_turns_at_a_time(reading: Reading, server: RunningServer) -> None:
    async with reading(await a_long_conversation(server)) as page:
        turns, earlier = page.locator(".turn"), page.locator("#earlier")
        await expect(turns).to_have_count(50)
        assert await numbers(page) == ["Number 71.", "Number 120."]
        await expect(said(page, "Number 120.")).to_be_in_viewport()
        await expect(earlier).to_have_text(re.compile("Earlier.*70 turns"))

        await earlier.scroll_into_view_if_needed()
        before = await top_of(page, "Number 71.")
        await earlier.focus()
        await page.keyboard.press("Enter")
        await expect(turns).to_have_count(100)
        assert await numbers(page) == ["Number 21.", "Number 120."]
        assert abs(await top_of(page, "Number 71.") - before) < 60
        await expect(earlier).to_be_focused()

        await earlier.click()
        await expect(turns).to_have_count(LONG)
        assert await numbers(page) == ["Number 1.", "Number 120."]
        await expect(earlier).to_have_count(0)

        await expect_end(await ask(page, "And one more."))
        await expect(turns).to_have_count(LONG + 1)
        await expect(said(page, "And one more.")).to_be_in_viewport()


async def test_turns_are_counted_from_the_first_of_all(reading: Reading, server: RunningServer) -> None:
    address = await a_long_conversation(server)
    async with reading(address, viewport={"width": 1440, "height": 900}) as page:
        reset = "getComputedStyle(document.getElementById('turns')).counterReset"
        assert await page.evaluate(reset) == "turn 70"
        await page.locator("#earlier").click()
        await expect(page.locator(".turn")).to_have_count(100)
        assert await page.evaluate(reset) == "turn 20"


async def test_without_scripts_earlier_is_a_link(reading: Reading, server: RunningServer) -> None:
    async with reading(await a_long_conversation(server), java_script_enabled=False) as page:
        await page.locator("#earlier").click()
        await expect(page.locator(".turn")).to_have_count(50)
        assert await numbers(page) == ["Number 21.", "Number 70."]
