"""Turns in a browser: edited and answered again in their place, found, looked into, run again and compared."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.asking import ask, expect_end
from tests.browser.conftest import Reading
from tests.fakes.script import HANGS, ScriptedModel
from tests.serving import RunningServer
from tests.web.api.reading import ask as ask_api

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def edit(page: Page, turn: int, message: str) -> None:
    """Send another message in place of a turn, by keyboard."""
    section = page.locator(".turn").nth(turn)
    await section.hover()
    await section.get_by_text("Edit", exact=True).focus()
    await page.keyboard.press("Enter")
    await section.get_by_label("Another message in place of this one").fill(message)
    await page.keyboard.press("Enter")


async def test_a_message_is_edited_and_sent_again_and_both_versions_stay(
    reading: Reading, model: ScriptedModel
) -> None:
    async with reading("/chat") as page:
        await expect_end(await ask(page, "First"))
        await expect_end(await ask(page, "Second"))
        await expect_end(await ask(page, "Third"))
        await page.get_by_label("Your message").fill("a draft")
        address = page.url
        model.says = ["Another", " answer."]
        await edit(page, 1, "Second, better")

        turns = page.locator(".turn")
        await expect(turns).to_have_count(2)
        await expect(turns.nth(1).locator(".question > p")).to_have_text("Second, better")
        await expect(turns.nth(1).locator(".prose")).to_have_text("Another answer.")
        await expect(turns.nth(1).get_by_label("Versions of this turn")).to_contain_text("2 of 2")
        await expect(page.get_by_label("Your message")).to_be_focused()
        await expect(page.get_by_label("Your message")).to_have_value("a draft")
        assert page.url == address

        await expect_end(turns.nth(1).locator(".answer"))
        await page.get_by_label("Your message").fill("")
        await expect_end(await ask(page, "And on"))
        await turns.nth(1).get_by_role("link", name="The version before").click()
        await expect(page.locator(".question > p")).to_have_text(["First", "Second", "Third"])
        await expect(turns.nth(1)).to_be_in_viewport()


async def test_the_branch_that_is_shown_stays_over_a_reload_and_is_gone_on_with(
    reading: Reading, server: RunningServer
) -> None:
    first = await ask_api(server.client, "One")
    second = await ask_api(server.client, "Two", conversation=first["conversation"])
    await ask_api(server.client, "Two, better", instead_of=second["id"])

    async with reading(f"/chat/{first['conversation']}?turn={second['id']}") as page:
        messages = page.locator(".question > p")
        await expect(messages).to_have_text(["One", "Two"])
        await page.reload()
        await expect(messages).to_have_text(["One", "Two"])
        await expect_end(await ask(page, "Three"))
        await expect(messages).to_have_text(["One", "Two", "Three"])
        assert page.url.endswith(f"/chat/{first['conversation']}")
        await page.reload()
        await expect(messages).to_have_text(["One", "Two", "Three"])
        await page.locator(".turn").nth(1).get_by_role("link", name="The next version").click()
        await expect(messages).to_have_text(["One", "Two, better"])


async def test_an_answer_is_made_again_in_its_place(reading: Reading, model: ScriptedModel) -> None:
    async with reading("/chat") as page:
        await expect_end(await ask(page, "First"))
        for times in (2, 3):
            model.says = ["Again", f" {times}"]
            await page.get_by_role("button", name="Again", exact=True).click()
            await expect(page.locator(".prose")).to_have_text(f"Again {times}")
            await expect(page.get_by_label("Versions of this turn")).to_contain_text(f"{times} of {times}")
        await expect(page.locator(".turn")).to_have_count(1)
        await page.reload()
        await expect(page.locator(".prose")).to_have_text("Again 3")


async def test_without_scripts_a_message_is_edited_too(reading: Reading, server: RunningServer) -> None:
    turn = await ask_api(server.client, "One")
    async with reading(f"/chat/{turn['conversation']}", java_script_enabled=False) as page:
        await page.locator(".turn").hover()
        await page.get_by_text("Edit", exact=True).click()
        await page.get_by_label("Another message in place of this one").fill("One, better")
        await page.locator(".edit").get_by_role("button", name="Send").click()
        await expect(page.locator(".question > p")).to_have_text("One, better")
        await expect(page.get_by_label("Versions of this turn")).to_contain_text("2 of 2")


async def test_turns_are_searched_as_one_types_and_narrowed(reading: Reading, server: RunningServer) -> None:
    for message in ("about pears", "about apples", "a python function"):
        await ask_api(server.client, message)
    async with reading("/turns") as page:
        found = page.locator(".found-message")
        await expect(found).to_have_text(["a python function", "about apples", "about pears"])
        await page.get_by_label("Words in messages and answers").fill("abo PEA")
        await expect(found).to_have_text(["about pears"])
        await expect(page).to_have_url(re.compile(r"/turns\?query=abo"))
        await page.reload()
        await expect(found).to_have_text(["about pears"])
        await page.get_by_label("Words in messages and answers").fill("")
        await page.get_by_label("Domain").select_option("code")
        await expect(found).to_have_text(["a python function"])
        await found.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("a python function")


async def test_more_turns_are_shown_below_those_that_are(reading: Reading, server: RunningServer) -> None:
    for number in range(52):
        await ask_api(server.client, f"number {number}")
    async with reading("/turns") as page:
        await expect(page.locator(".found-turn")).to_have_count(50)
        await page.get_by_role("link", name="Show more").click()
        await expect(page.locator(".found-turn")).to_have_count(52)
        await expect(page.locator(".found-message").last).to_have_text("number 0")
        await expect(page.get_by_role("link", name="Show more")).to_have_count(0)


async def test_a_turn_is_run_again_and_followed_to_its_end_beside_the_former(
    reading: Reading, server: RunningServer, model: ScriptedModel
) -> None:
    turn = await ask_api(server.client, "Explain this python function")
    model.says = ["Good bye", HANGS]
    async with reading(f"/chat/{turn['conversation']}") as page:
        await page.get_by_role("link", name="Details").click()
        await expect(page.get_by_role("table", name="Spans of the turn")).to_contain_text("Write the answer")
        await page.get_by_role("button", name="Run again").press("Enter")

        await page.wait_for_url(f"**/turns/*?against={turn['id']}")
        await expect(page.locator(".word-diff ins")).to_contain_text("Good bye")
        await expect(page.locator("#turn")).to_have_attribute("aria-busy", "true")
        await server.client.post(f"/api/turns/{page.url.split('/')[-1].split('?')[0]}/cancel")
        await expect(page.locator("#turn")).to_have_attribute("aria-busy", "false")
        await expect(page.get_by_role("region", name="Compared with")).to_contain_text("It was stopped")
        await page.get_by_role("link", name="In its conversation").click()
        await expect(page.get_by_label("Versions of this turn")).to_contain_text("2 of 2")
        await page.goto(f"/chat/{turn['conversation']}")
        await expect(page.locator(".prose")).to_have_text("Hello there.")


async def test_two_turns_are_compared_stage_by_stage(reading: Reading, server: RunningServer) -> None:
    pears, python = await ask_api(server.client, "pears"), await ask_api(server.client, "a python function")
    async with reading(f"/turns/{python['id']}?against={pears['id']}") as page:
        await expect(page.locator(".word-diff ins").first).to_have_text("a python function")
        route = page.get_by_role("table", name="Route")
        await expect(route.get_by_role("row", name="Domain")).to_have_text(re.compile("general.*code"))
        await expect(page.get_by_role("table", name="Time")).to_contain_text("Choose a domain")


async def test_choosing_an_outcome_narrows_the_list_at_once(reading: Reading, server: RunningServer) -> None:
    await ask_api(server.client, "A message that is answered")
    async with reading("/turns") as page:
        await expect(page.locator("#found")).to_contain_text("A message that is answered")
        await page.get_by_label("Outcome").select_option("failed")
        await expect(page.locator("#found")).to_contain_text("No turn is like that")
        assert "outcome=failed" in page.url
