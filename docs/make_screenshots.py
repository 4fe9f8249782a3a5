"""Make the pictures of the documentation: ask a server of this checkout a few questions and photograph the pages."""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Page, ViewportSize, async_playwright, expect

IMAGES = Path(__file__).parent / "images"
WIDE = ViewportSize(width=1440, height=900)
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
CONVERSATIONS = (
    ("How do I fetch another model?",),
    ("What is the difference between weather and climate?",),
    ("Explain in simple words what an algorithm is", "What does a compiler do?"),
)
ANSWER_MS = 300_000


async def photograph(url: str) -> None:
    """Hold the conversations on the chat page of the server at `url`, and save what the last one looks like."""
    IMAGES.mkdir(exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = await browser.new_page(base_url=url, viewport=WIDE)
        for questions in CONVERSATIONS:
            await page.goto("/chat")
            for question in questions:
                await ask(page, question)
        await page.locator(".route summary").last.click()
        await page.mouse.move(0, 0)
        await page.screenshot(path=IMAGES / "chat.png")
        await browser.close()


async def ask(page: Page, question: str) -> None:
    asked = await page.locator(".turn").count()
    await page.get_by_label("Your message").fill(question)
    await page.keyboard.press("Enter")
    answer = page.locator(".answer").nth(asked)
    await expect(answer).to_have_attribute("aria-busy", "false", timeout=ANSWER_MS)


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        serve = ("-m", "mdsa_server", "serve", "--port", "0", "--data", folder)
        server = await asyncio.create_subprocess_exec(sys.executable, *serve, stdout=asyncio.subprocess.PIPE)
        try:
            await photograph(await address_of(server))
        finally:
            server.terminate()
            await server.communicate()


async def address_of(server: asyncio.subprocess.Process) -> str:
    """Read the address of the pages from the lines that `mdsa serve` begins with."""
    assert server.stdout is not None
    async for line in server.stdout:
        if line.split()[:1] == [b"pages"]:
            return line.split()[1].decode()
    raise RuntimeError("the server ended before it said where it listens")


if __name__ == "__main__":
    asyncio.run(main())
