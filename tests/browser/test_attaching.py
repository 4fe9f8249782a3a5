"""A person attaches documents in the chat: by the button, by dropping them, and hears what can be asked about now."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import FilePayload, expect

from tests.browser.conftest import Reading
from tests.browser.dropping import drop
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import DOMAINS, RunningServer, make_settings, running

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

# The embedding model is loaded for the first of them.
PATIENCE_MS = 60_000
PUMP = FilePayload(name="pump.md", mimeType="text/markdown", buffer=b"# Pump\n\nOil the bearing every week.\n")


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    domains = DOMAINS | {"code": {"description": "Programs", "keywords": ["python"], "collections": ["manuals"]}}
    async with running(make_settings(tmp_path / "data", engine=engine.url, domains=domains)) as server:
        yield server


async def test_files_are_attached_and_the_chat_says_who_answers_from_them(reading: Reading) -> None:
    async with reading("/chat") as page:
        await page.get_by_role("button", name="Attach documents").click()
        await page.get_by_label("Files").set_input_files(PUMP)
        await page.get_by_label("Collection", exact=True).fill("manuals")
        await page.get_by_role("button", name="Take in").click()
        await expect(page.locator("#attach")).to_be_hidden()
        ingestion = page.locator(".ingestion")
        await expect(ingestion).to_contain_text("manuals")
        await expect(ingestion).to_contain_text("code answers from it", timeout=PATIENCE_MS)
        await expect(page.locator("[id^='stream-']")).to_have_count(0)
        await page.get_by_role("button", name="Show no more").click()
        await expect(ingestion).to_have_count(0)


async def test_files_dropped_on_the_composer_are_chosen_and_text_is_dropped_as_ever(
    reading: Reading, tmp_path: Path
) -> None:
    file = tmp_path / "pump.md"
    file.write_text("# Pump\n")
    async with reading("/chat") as page:
        await drop(page, page.locator(".composer-box"), [file])
        await expect(page.locator("#attach")).to_be_visible()
        assert await page.get_by_label("Files").evaluate("input => [...input.files].map(file => file.name)") == [
            "pump.md"
        ]
        await expect(page.locator("#composer")).not_to_have_class("is-over")


async def test_what_cannot_be_taken_in_is_said_in_the_form(reading: Reading) -> None:
    async with reading("/chat", allowed="400") as page:
        await page.get_by_role("button", name="Attach documents").click()
        await page.get_by_label("Collection", exact=True).fill("manuals")
        await page.get_by_role("button", name="Take in").click()
        await expect(page.locator("#attach").get_by_role("alert")).to_contain_text("no file is chosen")


async def test_without_scripts_files_are_attached_by_a_plain_form(reading: Reading) -> None:
    async with reading("/chat", java_script_enabled=False) as page:
        await page.get_by_role("button", name="Attach documents").click()
        await page.get_by_label("Files").set_input_files(PUMP)
        await page.get_by_label("Collection", exact=True).fill("manuals")
        await page.get_by_role("button", name="Take in").click()
        await page.wait_for_url("**/documents")
        await expect(page.locator(".ingestion")).to_contain_text("manuals")
