"""Make the pictures of the documentation: `python -m docs.make_screenshots` photographs all pages of a pictured server.

With `--every FOLDER` each page is photographed there at both widths and in both schemes, to be looked at.
"""

import argparse
import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, Page, ViewportSize, async_playwright

from docs.pictured import pictured_server
from mdsa_server.logs import configure_logging
from tests.serving import RunningServer

IMAGES = Path(__file__).parent / "images"
WIDE, NARROW = ViewportSize(width=1440, height=900), ViewportSize(width=390, height=844)
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
PATIENCE_MS = 20_000


async def as_it_is(page: Page) -> None:
    """Do nothing to a page before it is photographed."""


async def unfold_the_route(page: Page) -> None:
    await page.locator(".route summary").last.click()


async def unfold_the_calls(page: Page) -> None:
    for call in await page.locator(".tool-call summary").all():
        await call.click()


async def open_the_passage(page: Page) -> None:
    await page.locator(".citation").first.click()
    await page.locator("#panel .near").wait_for()


async def open_the_list(page: Page) -> None:
    """Search the conversations; in a narrow window their list is opened first."""
    if await page.locator(".drawer-open").is_visible():
        await page.locator(".drawer-open").click()
    await page.locator("#search").fill("pump")
    await page.locator("#conversations mark").first.wait_for()


async def open_the_attaching(page: Page) -> None:
    await page.get_by_role("button", name="Attach documents").click()


async def try_the_calculator(page: Page) -> None:
    tool = page.locator(".tool", has_text="calculate")
    await tool.locator("summary").first.click()
    await tool.locator("textarea").first.fill("(17.5 - 3) * 4 + 15% of 80")
    await tool.get_by_role("button", name="Call calculate").click()
    await tool.locator(".tool-result").wait_for()


async def until_it_is_drawn(page: Page) -> None:
    await page.locator(".opblock").first.wait_for()


def conversation(message: str) -> Callable[[RunningServer], Awaitable[str]]:
    """Find the address of the conversation whose title has `message` in it."""

    async def find(server: RunningServer) -> str:
        found = (await server.client.get("/api/conversations", params={"query": message})).json()["conversations"]
        return f"/chat/{found[0]['id']}"

    return find


async def a_document(server: RunningServer) -> str:
    documents = (await server.client.get("/api/documents", params={"collection": "manuals"})).json()["documents"]
    return f"/documents/{max(documents, key=lambda one: one['passages'])['id']}"


async def a_turn(server: RunningServer) -> str:
    found = (await server.client.get("/api/turns", params={"query": "bearing"})).json()["turns"]
    return f"/turns/{found[0]['id']}"


async def compared_turns(server: RunningServer) -> str:
    found = (await server.client.get("/api/turns", params={"query": "bearing"})).json()["turns"]
    other = (await server.client.get("/api/turns", params={"query": "duplicates"})).json()["turns"]
    return f"/turns/{found[0]['id']}?against={other[0]['id']}"


@dataclass(frozen=True)
class Picture:
    """One page as it is photographed, under a file name."""

    name: str
    address: str | Callable[[RunningServer], Awaitable[str]]
    prepare: Callable[[Page], Awaitable[None]] = as_it_is
    scheme: Literal["light", "dark"] = "light"
    height: int = 900


PICTURES = (
    Picture("chat", conversation("duplicates"), unfold_the_route, height=1100),
    Picture("chat-dark", conversation("duplicates"), scheme="dark"),
    Picture("chat-sources", conversation("bearing"), open_the_passage),
    Picture("chat-tools", conversation("seals"), unfold_the_calls),
    Picture("chat-problem", conversation("boil")),
    Picture("chat-attach", conversation("stove"), open_the_attaching),
    Picture("chat-search", "/chat", open_the_list),
    Picture("welcome", "/"),
    Picture("monitor", "/monitor", height=1250),
    Picture("turns", "/turns"),
    Picture("turn", a_turn, height=1100),
    Picture("turns-compared", compared_turns, height=1100),
    Picture("domains", "/domains?message=how+do+I+oil+the+pump", height=1100),
    Picture("plugins", "/plugins?plugin=clock"),
    Picture("configuration", "/configuration"),
    Picture("audit", "/audit"),
    Picture("documents", "/documents?query=how+often+do+I+oil+the+pump"),
    Picture("collection", "/documents?collection=manuals"),
    Picture("document", a_document),
    Picture("tools", "/tools", try_the_calculator),
    Picture("review", "/routes/review"),
    Picture("api", "/schema", until_it_is_drawn),
)
"""Every page that is photographed: a new page is one line more."""


async def photograph(browser: Browser, server: RunningServer, picture: Picture, view: ViewportSize, to: Path) -> None:
    """Open a page in a window of its own, make it ready, and save what is seen of it."""
    address = picture.address if isinstance(picture.address, str) else await picture.address(server)
    page = await browser.new_page(base_url=server.url, viewport=view, color_scheme=picture.scheme)
    page.set_default_timeout(PATIENCE_MS)
    await page.goto(address)
    await picture.prepare(page)
    await page.mouse.move(0, 0)
    await page.screenshot(path=to, animations="disabled", full_page=view["width"] < WIDE["width"])
    await page.close()


async def photograph_all(every: Path | None, only: list[str]) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder:
        async with pictured_server(Path(folder)) as server, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            for picture in PICTURES:
                if only and picture.name not in only:
                    continue
                if every is None:
                    view = ViewportSize(width=WIDE["width"], height=picture.height)
                    await photograph(browser, server, picture, view, IMAGES / f"{picture.name}.png")
                    continue
                for scheme in ("light", "dark"):
                    one = Picture(picture.name, picture.address, picture.prepare, scheme)
                    for view in (WIDE, NARROW):
                        await photograph(
                            browser, server, one, view, every / f"{picture.name}-{scheme}-{view['width']}.png"
                        )
            await browser.close()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--every", type=Path, metavar="FOLDER", help="every page, at both widths, in both schemes")
    options.add_argument("names", nargs="*", help="only these pictures")
    chosen = options.parse_args()
    configure_logging("error", "auto")
    (chosen.every or IMAGES).mkdir(parents=True, exist_ok=True)
    asyncio.run(photograph_all(chosen.every, chosen.names))


if __name__ == "__main__":
    main()
