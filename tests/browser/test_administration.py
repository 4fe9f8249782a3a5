"""Domains, plugins and the configuration in a browser: a message routed, a plugin switched, the file checked."""

import pytest
from playwright.async_api import expect

from mdsa_server.evaluation.kept import keep
from tests.browser.conftest import Reading
from tests.evaluation import results
from tests.serving import RunningServer
from tests.web.api.reading import rooms_of

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_a_message_is_routed_by_keyboard_and_its_address_can_be_shared(reading: Reading) -> None:
    async with reading("/domains") as page:
        await page.get_by_label("A message to route").fill("a python function")
        await page.keyboard.press("Enter")
        await expect(page.locator(".trial-domain")).to_contain_text("code")
        shared = page.url
    async with reading(shared, java_script_enabled=False) as page:
        await expect(page.locator(".trial-domain")).to_contain_text("code")
        await expect(page.get_by_role("region", name="keyword_router")).to_contain_text("50 % asked")


async def test_a_domain_unfolds_by_keyboard(reading: Reading) -> None:
    async with reading("/domains") as page:
        code = page.locator("#domain-code")
        await expect(code.get_by_text("It has no instructions of its own.")).to_be_visible()
        await code.locator("summary").first.focus()
        await page.keyboard.press("Enter")
        await expect(code.get_by_text("It has no instructions of its own.")).to_be_hidden()


@pytest.mark.parametrize("width", [390, 1440])
async def test_reports_are_drawn_by_their_own_style_and_lead_back(
    reading: Reading, server: RunningServer, width: int
) -> None:
    folder = rooms_of(server).data_folder
    keep(folder, results.of_routes())
    keep(folder, results.of_retrieval())
    for address, heading in (("/domains/report", "How good the routing is"), ("/domains/report/retrieval", "search")):
        async with reading(address, viewport={"width": width, "height": 900}) as page:
            await expect(page.get_by_role("heading", level=1)).to_contain_text(heading)
            assert await page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), "it scrolls sideways"
            assert await page.locator("svg").first.evaluate("drawn => getComputedStyle(drawn).display") == "block"
            await page.get_by_role("link", name="Domains").click()
            await expect(page.get_by_role("heading", level=1)).to_have_text("Domains")


async def test_a_plugin_is_switched_in_place_and_what_is_unfolded_stays_so(reading: Reading) -> None:
    async with reading("/plugins") as page:
        clock = page.locator("#plugin-clock")
        await clock.locator("summary").first.click()
        await clock.get_by_role("button", name="Disable clock").click()
        await expect(page.locator("#switched")).to_contain_text("clock is used no more")
        await expect(page.locator(".lines")).to_contain_text('disabled = ["clock"]')
        await clock.get_by_role("button", name="Enable clock").click()
        await expect(page.locator("#switched")).to_contain_text("clock is in use")
        await expect(clock.get_by_role("button", name="Disable clock")).to_be_visible()


async def test_without_scripts_a_plugin_is_switched_too(reading: Reading) -> None:
    async with reading("/plugins?plugin=clock", java_script_enabled=False) as page:
        await page.get_by_role("button", name="Disable clock").click()
        await expect(page.locator(".lines")).to_contain_text('disabled = ["clock"]')
        await expect(page.get_by_role("button", name="Enable clock")).to_be_visible()


async def test_the_configuration_is_checked_by_itself_and_again_when_asked(reading: Reading) -> None:
    async with reading("/configuration") as page:
        await expect(page.locator("#findings")).to_contain_text("No faults, no warnings.")
        await page.get_by_role("button", name="Check again").click()
        await expect(page.locator("#findings")).to_contain_text("No faults, no warnings.")
        await page.get_by_role("link", name="Not the default").click()
        await expect(page.get_by_role("heading", name="[engine]")).to_be_visible()
        await expect(page.get_by_role("heading", name="[logging]")).to_be_hidden()


async def test_the_configuration_is_read_again_in_place(reading: Reading) -> None:
    async with reading("/configuration?only=changed") as page:
        await page.get_by_role("button", name="Read mdsa.toml again").click()
        await expect(page.locator("#reloaded")).to_contain_text("Read again: general, code.")
        await expect(page.get_by_role("link", name="Not the default")).to_have_attribute("aria-current", "page")


async def test_without_scripts_the_check_is_a_page(reading: Reading) -> None:
    async with reading("/configuration", java_script_enabled=False) as page:
        await page.get_by_role("button", name="Check again").click()
        await expect(page.locator("#findings")).to_contain_text("No faults, no warnings.")
