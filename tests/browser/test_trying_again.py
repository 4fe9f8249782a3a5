"""A failed or stopped answer is tried again with one press, where it was asked."""

import pytest
from playwright.async_api import expect

from tests.browser.asking import ask, expect_end
from tests.browser.conftest import Reading
from tests.fakes.script import DIES, HANGS, ScriptedModel

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_a_failed_answer_is_tried_again_where_it_was_asked(reading: Reading, model: ScriptedModel) -> None:
    model.says = ["Half of it", DIES]

    async with reading("/chat") as page:
        await page.get_by_label("Domain").select_option("code")
        await expect_end(await ask(page, "A long story, please"))
        await page.get_by_label("Domain").select_option("")
        await page.get_by_label("Your message").fill("a draft")
        address = page.url
        model.says = ["All of it."]
        await page.get_by_role("button", name="Try again").click()

        again = page.locator(".answer")
        await expect(again).to_have_count(1)
        await expect(again.locator(".prose")).to_have_text("All of it.")
        await expect(again.locator(".route-domain")).to_have_text("code")
        await expect(again.locator(".route-percent")).to_have_text("asked for")
        await expect(page.locator(".question")).to_contain_text("A long story, please")
        await expect(page.get_by_label("Versions of this turn")).to_contain_text("2 of 2")
        await expect(page.get_by_role("button", name="Try again")).to_have_count(0)
        await expect(page.get_by_label("Your message")).to_have_value("a draft")
        assert page.url == address


async def test_an_answer_that_others_follow_is_tried_again_in_its_place(reading: Reading, model: ScriptedModel) -> None:
    model.says = [DIES]

    async with reading("/chat") as page:
        await expect_end(await ask(page, "First?"))
        await expect_end(await ask(page, "Second?"))
        model.says = ["All of it."]
        await page.locator(".turn").first.get_by_role("button", name="Try again").click()
        await expect(page.locator(".turn")).to_have_count(1)
        await expect(page.locator(".prose")).to_have_text("All of it.")
        await page.get_by_role("link", name="The version before").click()
        await expect(page.locator(".question > p")).to_have_text(["First?", "Second?"])


async def test_trying_again_while_the_server_is_gone_is_told(reading: Reading, model: ScriptedModel) -> None:
    model.says = [DIES]

    async with reading("/chat", allowed="Failed to") as page:
        await expect_end(await ask(page, "First?"))
        await page.route("**/chat/turns", lambda route: route.abort())
        await page.get_by_role("button", name="Try again").click()

        await expect(page.locator("#composer-problem")).to_contain_text("The server does not answer")
        await expect(page.get_by_role("button", name="Try again")).to_be_focused()


async def test_a_stopped_answer_is_tried_again_from_the_keyboard(reading: Reading, model: ScriptedModel) -> None:
    model.says = ["Half", HANGS]

    async with reading("/chat") as page:
        await page.keyboard.type("First")
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="Stop").press("Enter")
        await expect(page.locator(".answer")).to_contain_text("Stopped.")
        model.says = ["Whole"]
        for _ in range(6):
            await page.keyboard.press("Shift+Tab")
            if await page.evaluate("document.activeElement.closest('button')?.innerText === 'Try again'"):
                break
        await page.keyboard.press("Enter")

        await expect(page.locator(".prose")).to_have_text("Whole")
        await expect(page.get_by_label("Your message")).to_be_focused()
