"""How a person asks on the chat page."""

from playwright.async_api import Locator, Page, expect


async def ask(page: Page, message: str) -> Locator:
    """Type a message, send it with Enter, and give its answer."""
    answers = page.locator(".answer")
    before = await answers.count()
    await page.get_by_label("Your message").fill(message)
    await page.keyboard.press("Enter")
    await expect(answers).to_have_count(before + 1)
    return answers.nth(before)


async def expect_end(answer: Locator) -> None:
    await expect(answer).to_have_attribute("aria-busy", "false")
