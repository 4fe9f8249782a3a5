"""Every page, at two widths and in two schemes: whole, legible, and on speaking terms with no other host."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Reading
from tests.serving import RunningServer

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

VIEWPORTS = [{"width": 390, "height": 844}, {"width": 1440, "height": 900}]


async def a_conversation(server: RunningServer) -> str:
    answered = await server.client.post("/api/chat", json={"message": "Explain this python function"})
    return f"/chat/{answered.json()['turn']['conversation']}"


@pytest.mark.parametrize("viewport", VIEWPORTS, ids=["390", "1440"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", ["/", "/chat", "conversation", "/schema", "/nowhere"])
async def test_a_page_is_whole(
    reading: Reading, server: RunningServer, address: str, scheme: str, viewport: dict[str, int]
) -> None:
    if address == "conversation":
        address = await a_conversation(server)
    # The browser notes the status of a page that is not there.
    allowed = "404" if address == "/nowhere" else ""

    async with reading(address, allowed=allowed, viewport=viewport, color_scheme=scheme) as page:
        await expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
        await expect(page.locator("#main")).not_to_be_empty()
        await page.wait_for_load_state("networkidle")
        assert await page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), "it scrolls sideways"
        background = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        lightness = float(background.split("(")[1].split()[0].rstrip("%"))
        assert (lightness > 0.9) == (scheme == "light"), background


async def test_the_welcome_page_says_what_runs(reading: Reading) -> None:
    async with reading("/") as page:
        runs = page.get_by_role("region", name="What runs")
        await expect(runs).to_contain_text("Ollama")
        await expect(runs).to_contain_text("scripted:1b")
        await expect(runs).to_contain_text("keyword_router")
        await expect(page.get_by_role("region", name="domains")).to_contain_text("Questions about programs")


async def test_a_question_asked_on_the_welcome_page_is_answered_in_the_chat(reading: Reading) -> None:
    async with reading("/") as page:
        await page.get_by_label("Your message").fill("What is a python function?")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/chat/*")

        await expect(page.locator(".question")).to_contain_text("What is a python function?")
        await expect(page.locator(".prose")).to_have_text("Hello there.")


async def test_the_api_page_shows_the_operations_of_this_server(reading: Reading) -> None:
    async with reading("/schema") as page:
        await expect(page.locator("#api-docs")).to_contain_text("/api/chat")
        await page.locator(".opblock", has_text="/api/domains").locator(".opblock-summary").click()
        await page.get_by_role("button", name="Try it out").click()
        await page.get_by_role("button", name="Execute").click()
        await expect(page.locator(".live-responses-table")).to_contain_text("Questions about programs")


async def test_a_page_that_is_not_there_says_so_and_leads_on(reading: Reading) -> None:
    async with reading("/nowhere", allowed="404") as page:
        await expect(page.get_by_role("heading")).to_have_text("There is nothing here")
        await page.get_by_role("link", name="Welcome page", exact=True).click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("A team of small models")
