"""Calls of tools on the chat page, as a person follows them, allows them and denies them."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from tests.browser.asking import ask, expect_end
from tests.browser.conftest import Reading
from tests.browser.test_pages import VIEWPORTS
from tests.calling import SEND, TIME, calling_settings, calls
from tests.fakes.script import Calls, ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, running

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

WAITS_SECONDS = 4.0


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    async with running(calling_settings(tmp_path, engine=engine.url)) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def impatient_server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    """One on which nobody is waited for long."""
    settings = calling_settings(tmp_path, engine=engine.url, approval_timeout=WAITS_SECONDS)
    async with running(settings) as server:
        yield server


def button(answer: Locator | Page, name: str) -> Locator:
    return answer.get_by_role("button", name=name, exact=True)


async def test_a_call_is_followed_from_running_to_its_result_and_stays_unfolded(
    reading: Reading, model: ScriptedModel, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    model.says = calls(Calls("wait_for", {"path": str(gate)}), before="Let me see.", then=("It is here.",))

    async with reading("/chat") as page:
        answer = await ask(page, "Is it there?")
        call = answer.locator(".tool-call")
        await expect(call.locator(".tool-state")).to_have_text("running …")
        await expect(page.get_by_role("status")).to_have_text("Calling wait_for")
        await expect(call.locator(".tool-brief")).to_contain_text('(path="')
        await call.locator("summary").click()
        await expect(call.locator(".tool-text")).to_contain_text(str(gate))
        gate.touch()

        await expect_end(answer)
        await expect(call.locator(".tool-state")).to_contain_text(re.compile("result.* m?s"))
        await expect(call.locator(".tool-text").nth(1)).to_have_text("it is there")
        await expect(answer.locator(".prose")).to_contain_text("It is here.")
        await page.reload()
        await expect(page.locator(".tool-call .tool-state")).to_contain_text("result")


async def test_a_call_that_waits_is_allowed_from_the_keyboard_and_the_reader_keeps_their_place(
    reading: Reading, model: ScriptedModel
) -> None:
    model.says = calls(SEND, then=("Sent.",))

    async with reading("/chat") as page:
        answer = await ask(page, "Write to Ann")
        await expect(answer.locator(".ask-approval")).to_contain_text('"text": "Dear Ann,\\nall is well."')
        await expect(answer.locator(".ask-approval")).to_contain_text(
            "If nobody answers within 2 minutes, it is denied."
        )
        await expect(page.get_by_role("status")).to_have_text("send waits for your yes")
        for _ in range(12):
            await page.keyboard.press("Shift+Tab")
            if await page.evaluate("document.activeElement.textContent === 'Allow'"):
                break
        await page.keyboard.press("Enter")

        await expect_end(answer)
        await expect(answer.locator(".prose")).to_have_text("Sent.")
        await expect(answer.locator(".ask-approval")).to_have_count(0)
        await expect(answer.locator(".tool-call summary")).to_be_focused()
        await expect(answer.locator(".tool-told")).to_be_hidden()
        await page.keyboard.press("Enter")
        await expect(answer.locator(".tool-told")).to_contain_text("Allowed by local.")


async def test_a_call_that_is_denied_says_so_and_still_does_when_the_page_is_loaded_again(
    reading: Reading, model: ScriptedModel
) -> None:
    model.says = calls(SEND, then=("I did not.",))

    async with reading("/chat") as page:
        answer = await ask(page, "Write to Ann")
        await button(answer, "Deny").click()
        await expect_end(answer)
        await expect(answer.locator(".tool-state")).to_have_text("denied")
        await page.reload()
        call = page.locator(".tool-call")
        await expect(call.locator(".tool-state")).to_have_text("denied")
        await call.locator("summary").click()
        await expect(call).to_contain_text("Denied by local.")


async def test_of_several_calls_each_is_answered_on_its_own(reading: Reading, model: ScriptedModel) -> None:
    model.says = calls(Calls("send", {"to": "Ann"}), Calls("send", {"to": "Eve"}), TIME, then=("One was sent.",))

    async with reading("/chat") as page:
        answer = await ask(page, "Write to both")
        await expect(answer.locator(".ask-approval")).to_have_count(2)
        eves = answer.locator("li", has_text='to="Eve"')
        await button(eves, "Deny").click()
        await expect(eves.locator(".tool-state")).to_have_text("denied")
        await expect(answer.locator(".ask-approval")).to_have_count(1)
        await button(answer, "Allow").click()

        await expect_end(answer)
        await expect(answer.locator(".tool-state")).to_contain_text(["result", "denied", "result"])


async def test_a_call_that_is_answered_in_another_tab_goes_on_in_both(reading: Reading, model: ScriptedModel) -> None:
    model.says = calls(SEND, then=("Sent.",))

    async with reading("/chat") as first:
        await ask(first, "Write to Ann")
        await expect(button(first, "Allow")).to_be_visible()
        async with reading(first.url) as second:
            await button(second, "Allow").click()
            for page in (first, second):
                await expect(page.locator(".prose")).to_have_text("Sent.")
                await expect(page.locator(".ask-approval")).to_have_count(0)


async def test_without_scripts_a_call_is_allowed_by_a_plain_form(
    reading: Reading, server: RunningServer, model: ScriptedModel
) -> None:
    model.says = calls(SEND, then=("Sent.",))
    asked = (await server.client.post("/api/chat", json={"message": "Write to Ann"})).json()

    async with reading(f"/chat/{asked['conversation']}", java_script_enabled=False) as page:
        async with page.expect_navigation(url=f"**/chat/{asked['conversation']}"):
            await button(page, "Allow").click()
        await server.client.get(f"/api/turns/{asked['turn']}/events")
        await page.reload()
        await expect(page.locator(".tool-state")).to_contain_text("result")
        await expect(page.locator(".prose")).to_have_text("Sent.")


class TestImpatient:
    """Where nobody answers in time."""

    @pytest.fixture
    def server(self, impatient_server: RunningServer) -> RunningServer:
        return impatient_server

    async def test_who_was_about_to_answer_is_led_to_the_call_that_was_denied(
        self, reading: Reading, model: ScriptedModel
    ) -> None:
        model.says = calls(SEND, then=("I did not.",))

        async with reading("/chat") as page:
            answer = await ask(page, "Write to Ann")
            await expect(answer.locator(".ask-approval")).to_contain_text("If nobody answers within 10 seconds")
            await button(answer, "Allow").focus()
            await expect(answer.locator(".tool-state")).to_have_text("denied")
            await expect(answer.locator(".tool-call summary")).to_be_focused()


@pytest.mark.parametrize("viewport", VIEWPORTS, ids=["390", "1440"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_long_arguments_and_results_scroll_within_their_boxes(
    reading: Reading, model: ScriptedModel, viewport: dict[str, int], scheme: str
) -> None:
    wide = "a_very_long_word_without_any_blank" * 30
    model.says = calls(
        Calls("send", {"to": wide, "text": "line\n" * 200}),
        Calls("recite", {"lines": 300}),
        Calls(wide, {}),
        then=("Done.",),
    )

    async with reading("/chat", viewport=viewport, color_scheme=scheme) as page:
        answer = await ask(page, "Recite")
        await expect(button(answer, "Allow")).to_be_visible()
        assert await page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), "it scrolls sideways"
        await button(answer, "Allow").click()
        await expect_end(answer)
        for number in range(3):
            await answer.locator(".tool-call summary").nth(number).click()
        result = answer.locator(".tool-call").nth(1).locator(".tool-text").nth(1)
        await expect(result).to_contain_text("line 0")
        await expect(answer.locator(".tool-call").nth(1)).to_contain_text("cut: it was longer")
        assert await result.evaluate("box => box.clientHeight < 400 && box.scrollHeight > box.clientHeight")
        assert await page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), "it scrolls sideways"
