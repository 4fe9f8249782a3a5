"""A person says beside an answer that the wrong domain gave it, and another one reviews that."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.asking import ask, expect_end
from tests.browser.conftest import Reading
from tests.browser.test_pages import VIEWPORTS
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.learning import corrected, learning_settings
from tests.serving import RunningServer, running

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    async with running(learning_settings(tmp_path, engine=engine.url)) as server:
        yield server


async def test_a_wrong_domain_is_corrected_accepted_and_then_answers(reading: Reading) -> None:
    async with reading("/chat") as page:
        answer = await ask(page, "lentil soup")
        await expect_end(answer)
        await expect(answer.locator(".route-domain")).to_have_text("general")
        await expect(answer.locator(".correction")).to_have_count(0)
        await answer.get_by_text("why").click()
        await answer.get_by_label("Wrong domain?").select_option("cooking")
        await answer.get_by_role("button", name="Correct it").click()
        await expect(answer.get_by_role("status")).to_contain_text("cooking: waits for review")

        await answer.get_by_role("link", name="review").click()
        await page.get_by_role("button", name="Accept").click()
        await expect(page.get_by_role("heading", name="1 correction taught")).to_be_visible()

        await page.goto("/chat")
        again = await ask(page, "lentil soup")
        await expect_end(again)
        await expect(again.locator(".route-domain")).to_have_text("cooking")


async def test_an_answer_that_comes_while_its_route_is_unfolded_can_be_corrected_at_its_end(
    reading: Reading, engine: ScriptedOllama
) -> None:
    async with reading("/chat") as page:
        answer = await ask(page, "lentil soup")
        await answer.get_by_text("why").click()
        await expect_end(answer)
        await expect(answer.get_by_role("button", name="Correct it")).to_be_visible()


async def test_who_reviews_by_keyboard_goes_on_where_the_next_correction_is(
    reading: Reading, server: RunningServer
) -> None:
    for message in ("soup", "rice"):
        await corrected(server.client, message, "cooking")
    async with reading("/routes/review") as page:
        await page.get_by_role("button", name="Accept").first.focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="1 correction to review")).to_be_visible()
        await expect(page.get_by_role("button", name="Accept")).to_be_focused()


async def test_a_refused_correction_is_accepted_anyway(reading: Reading, server: RunningServer) -> None:
    await corrected(server.client, "makes worse", "cooking")
    # The browser notes the status of what was refused.
    async with reading("/routes/review", allowed="409") as page:
        await page.get_by_role("button", name="Accept").click()
        await expect(page.get_by_role("alert")).to_contain_text("The routers would become worse")
        await page.get_by_role("button", name="Accept anyway").click()
        await expect(page.locator(".review-outcome")).to_contain_text("is now about 90 %")


@pytest.mark.parametrize("viewport", VIEWPORTS, ids=["390", "1440"])
async def test_the_page_of_corrections_is_whole(
    reading: Reading, server: RunningServer, viewport: dict[str, int]
) -> None:
    await corrected(server.client, "a_very_long_word_without_any_blank" * 8, "cooking")
    async with reading("/routes/review", viewport=viewport) as page:
        await expect(page.get_by_role("button", name="Reject")).to_be_visible()
        assert await page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), "it scrolls sideways"
