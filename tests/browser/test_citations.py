"""An answer cites its passages: the number leads to the source, and the source opens the passage in its place."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.asking import ask, expect_end
from tests.browser.conftest import Reading
from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import DOMAINS, RunningServer, make_settings, running

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    manual = tmp_path / "pump.md"
    manual.write_text("# The pump\n\n## Care\n\nOil the bearing every week, with thin oil.\n")
    domains = DOMAINS | {"code": {"description": "Programs", "collections": ["manuals"]}}
    async with running(make_settings(tmp_path / "data", engine=engine.url, domains=domains)) as server:
        await server.client.post("/api/documents", json={"paths": [str(manual)], "collection": "manuals"}, timeout=60)
        yield server


async def test_a_number_in_an_answer_opens_the_passage_it_cites(reading: Reading, model: ScriptedModel) -> None:
    model.says = ["Oil it every week ", "[1]."]
    async with reading("/chat") as page:
        await page.get_by_label("Domain").select_option("code")
        await expect_end(await ask(page, "How often is the bearing of the pump oiled?"))
        source = page.locator(".source")
        await expect(source).to_have_count(1)
        await expect(source).to_contain_text("The pump")
        await expect(source).to_contain_text("Care")
        await expect(page.locator(".source.is-cited")).to_have_count(1)
        await page.locator(".prose .citation").click()
        panel = page.get_by_label("Passage")
        await expect(panel).to_be_visible()
        await expect(panel).to_contain_text("with thin oil")
        await page.get_by_role("button", name="Close").click()
        await expect(panel).to_be_hidden()


async def test_an_answer_that_cites_nothing_still_shows_what_it_was_given(
    reading: Reading, model: ScriptedModel
) -> None:
    model.says = ["Every week."]
    async with reading("/chat") as page:
        await page.get_by_label("Domain").select_option("code")
        await expect_end(await ask(page, "How often is the bearing of the pump oiled?"))
        await expect(page.locator(".source")).to_have_count(1)
        await expect(page.locator(".source.is-cited")).to_have_count(0)
        await page.locator(".source-name").click()
        await expect(page.get_by_label("Passage")).to_contain_text("with thin oil")
