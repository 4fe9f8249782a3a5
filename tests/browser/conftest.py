"""A real Chromium that reads pages of a real server, whose engine says what the test tells it to."""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright, expect

from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, make_settings, running

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Names of sites elsewhere, which are served here.
    "--host-resolver-rules=MAP rebound.test 127.0.0.1, MAP elsewhere.test 127.0.0.1, MAP named.test 127.0.0.1",
]
PATIENCE_MS = 10_000

Reading = Callable[..., AbstractAsyncContextManager[Page]]


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no Chromium on this machine: apt-get install chromium")
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel()


@pytest_asyncio.fixture(loop_scope="session")
async def engine(model: ScriptedModel) -> AsyncIterator[ScriptedOllama]:
    async with ScriptedOllama(model) as engine:
        yield engine


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    async with running(make_settings(tmp_path, engine=engine.url)) as server:
        yield server


@pytest.fixture
def reading(browser: Browser, server: RunningServer) -> Reading:
    """Open a page of the server; at its end the browser must have found no fault but those `allowed`.

    A fault is an error on the console, which tells violations of the Content-Security-Policy too, an
    exception in a script, or a request to any other host. Options go to the browser's context.
    """

    @asynccontextmanager
    async def open_page(address: str, *, allowed: str = "", **options: Any) -> AsyncIterator[Page]:
        context = await browser.new_context(base_url=server.url, **options)
        context.set_default_timeout(PATIENCE_MS)
        page = await context.new_page()
        faults: list[str] = []

        def on_console(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning") and not (allowed and allowed in message.text):
                faults.append(message.text)

        def on_request(request: Request) -> None:
            if not request.url.startswith((f"{server.url}/", "data:", "blob:")):
                faults.append(f"asked {request.url}")

        page.on("console", on_console)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", on_request)
        await page.goto(address)
        try:
            yield page
        except AssertionError as error:
            # What the browser had to say is most likely why.
            raise AssertionError(f"{error}\nfaults: {faults}") from error
        finally:
            await context.close()
        assert faults == []

    return open_page
