"""No page has a serious fault that axe finds, in any scheme or width, and every page is used by keyboard alone."""

from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, ViewportSize, expect

from tests.browser import test_pages
from tests.browser.asking import ask, expect_end
from tests.browser.conftest import Reading
from tests.calling import SEND, TIME, calling_tables, calls
from tests.fakes.script import Breaks, Calls, ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, make_settings, running

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

AXE = (Path(__file__).parent / "vendor" / "axe-core-4.14.1.min.js").read_text("utf-8")
# What Swagger UI draws is its makers' own.
RUN = """async () => (await axe.run({ exclude: [[".swagger-ui"]] }, { resultTypes: ["violations"] })).violations
  .filter(fault => ["serious", "critical"].includes(fault.impact))
  .flatMap(fault => fault.nodes.map(node => `${fault.id}: ${node.html.slice(0, 120)} (${node.failureSummary})`))"""
# Every page of this list, so that one that is added to it is held to the same.
MARKS: list[pytest.Mark] = vars(test_pages.test_a_page_is_whole)["pytestmark"]
PAGES: list[str] = next(mark.args[1] for mark in MARKS if mark.args[0] == "address")
ANSWER = """It is **oiled** [1]:

```python
def oil(drops: int = 10) -> str:
    # Every week, and after a long pause before the pump is switched on again at the start of the season.
    return f"{drops} drops"  # thin oil
```

```
a block without a language, and a line of it that is so long that it must scroll in itself on any screen there is
```

| part | fits | price | where it is kept in the store room behind the workshop | who orders it | and when |
|---|---|--:|---|---|---|
| S 12 | P 50 | 4.20 | third shelf | Ann | before the first of each month |

> Quoted `code`.
"""


@pytest_asyncio.fixture(loop_scope="session")
async def rich_server(tmp_path: Path, engine: ScriptedOllama) -> Any:
    """One whose answers have sources, and whose models call tools."""
    manual = tmp_path / "pump.md"
    manual.write_text("# The pump\n\n## Care\n\nOil the bearing every week, with thin oil.\n")
    tables = calling_tables(tmp_path)
    del tables["embedding"]
    tables["domains"]["general"]["collections"] = ["manuals"]
    async with running(make_settings(tmp_path / "data", engine=engine.url, **tables)) as server:
        await server.client.post("/api/documents", json={"paths": [str(manual)], "collection": "manuals"}, timeout=60)
        yield server


async def expect_no_fault(page: Page) -> None:
    """Ask axe in both schemes and at both widths."""
    await page.evaluate(AXE)
    for scheme in ("light", "dark"):
        for view in test_pages.VIEWPORTS:
            await page.emulate_media(color_scheme="light" if scheme == "light" else "dark", reduced_motion="reduce")
            await page.set_viewport_size(ViewportSize(width=view["width"], height=view["height"]))
            faults = await page.evaluate(RUN)
            assert faults == [], f"{scheme}, {view['width']} px"


@pytest.mark.parametrize("address", PAGES)
async def test_a_page_has_no_serious_fault(reading: Reading, server: RunningServer, address: str) -> None:
    address = await test_pages.at(address, server)
    async with reading(address, allowed="404" if address == "/nowhere" else "") as page:
        await expect(page.locator("#main")).not_to_be_empty()
        await expect_no_fault(page)


async def test_axe_finds_a_fault(reading: Reading) -> None:
    async with reading("/") as page:
        await page.locator("h1").evaluate("one => { one.innerHTML = '<button></button>' }")
        with pytest.raises(AssertionError, match="button-name"):
            await expect_no_fault(page)


async def test_an_answer_with_all_that_it_may_have_has_no_serious_fault(
    rich_server: RunningServer, server: RunningServer, reading: Reading, model: ScriptedModel
) -> None:
    server.url = rich_server.url
    model.says = calls(TIME, Calls("refuse", {}), then=(ANSWER,))
    async with reading("/chat") as page:
        answer = await ask(page, "How often is the bearing of the pump oiled?")
        await expect_end(answer)
        await expect(answer.locator(".source")).to_have_count(1)
        for summary in await answer.locator("summary").all():
            await summary.click()
        await expect_no_fault(page)
        await answer.locator(".citation").click()
        await expect(page.locator("#panel .near")).to_be_visible()
        await expect_no_fault(page)


async def test_a_question_a_problem_and_what_is_opened_beside_have_no_serious_fault(
    rich_server: RunningServer, server: RunningServer, reading: Reading, model: ScriptedModel
) -> None:
    server.url = rich_server.url
    async with reading("/chat") as page:
        model.says = ["Half", Breaks("the runner died")]
        answer = await ask(page, "Oil?")
        await expect(answer.get_by_role("alert")).to_be_visible()
        model.says = calls(SEND)
        await expect((await ask(page, "Write to Ann")).get_by_role("button", name="Allow")).to_be_visible()
        await page.locator("#conversations summary").click()
        await expect_no_fault(page)
        await page.get_by_role("button", name="Attach documents").click()
        await expect_no_fault(page)
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="Deny").click()
    async with reading("/documents?query=oil&collection=manuals") as page:
        await page.get_by_text("What the scores say").click()
        await expect_no_fault(page)
        await page.locator(".document-name a").click()
        await expect(page.locator(".passage").first).to_be_visible()
        await expect_no_fault(page)
    async with reading("/tools") as page:
        await page.locator(".tool", has_text="Do nothing, and say so").locator("summary").first.click()
        await page.get_by_role("button", name="Call refuse").click()
        await expect(page.get_by_text("the shop is closed")).to_be_visible()
        await expect_no_fault(page)


FOCUSED = """() => {
  const one = document.activeElement
  if (one === document.body) return null
  const style = getComputedStyle(one)
  const around = one.closest(".ask, .composer-box")
  const outlined = style.outlineStyle !== "none" && style.outlineWidth !== "0px"
  const ring = outlined || around && getComputedStyle(around).boxShadow !== "none"
  one.dataset.reached = "yes"
  return { html: one.outerHTML.slice(0, 120), ring }
}"""
MISSED = """() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
  .filter(one => !one.dataset.reached && !one.disabled && one.type !== "hidden" && one.tabIndex >= 0)
  .filter(one => one.checkVisibility({ visibilityProperty: true }))
  .map(one => one.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("address", [page for page in PAGES if page != "/schema"])
async def test_tab_reaches_every_control_of_a_page_and_shows_where_it_is(
    reading: Reading, server: RunningServer, address: str
) -> None:
    address = await test_pages.at(address, server)
    async with reading(address, allowed="404" if address == "/nowhere" else "") as page:
        await page.locator(".skip").focus()
        ringless = []
        # From the last control one gets into the browser's own, where the page has no focus.
        while focused := await page.evaluate(FOCUSED):
            ringless += [] if focused["ring"] else [focused["html"]]
            await page.keyboard.press("Tab")
        assert ringless == []
        assert await page.evaluate(MISSED) == []


@pytest.mark.parametrize("address", PAGES)
async def test_the_first_stop_of_a_page_leads_past_its_head(
    reading: Reading, server: RunningServer, address: str
) -> None:
    address = await test_pages.at(address, server)
    async with reading(address, allowed="404" if address == "/nowhere" else "") as page:
        await page.locator(".skip").focus()
        await expect(page.locator(".skip")).to_be_in_viewport()
        await page.keyboard.press("Enter")
        await expect(page.locator("main:focus, #main:focus, #main :focus")).to_have_count(1)


async def test_escape_closes_what_a_page_opens_over_itself(
    reading: Reading, server: RunningServer, model: ScriptedModel
) -> None:
    narrow = {"viewport": {"width": 390, "height": 844}}
    async with reading("/chat", **narrow) as page:
        for name, opened in (
            ("Pages, this is", "#pages"),
            ("Conversations", "#drawer"),
            ("Attach documents", "#attach"),
        ):
            button = page.get_by_role("button", name=name)
            await button.focus()
            await page.keyboard.press("Enter")
            await expect(page.locator(opened)).to_be_visible()
            await page.keyboard.press("Escape")
            await expect(page.locator(opened)).to_be_hidden()
            await expect(button).to_be_focused()
