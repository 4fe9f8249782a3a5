"""A person takes documents in with a browser, sees them come, searches them, reads one and deletes it."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Dialog, FilePayload, Page, expect

from tests.browser.conftest import Reading
from tests.browser.dropping import drag_over
from tests.browser.test_pages import VIEWPORTS
from tests.serving import RunningServer

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

# The embedding model is loaded for the first of them.
PATIENCE_MS = 60_000
FILLER = "And there is more to be said of it, so that it is a passage of its own, which takes some words. " * 6


def written(folder: Path, **files: str) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{name}.md" for name in files]
    for path, text in zip(paths, files.values(), strict=True):
        path.write_text(text)
    return paths


async def take_in(page: Page, files: list[Path], collection: str = "manuals") -> None:
    await page.get_by_label("Files").set_input_files(files)
    await page.get_by_label("Collection", exact=True).fill(collection)
    await page.get_by_role("button", name="Take in", exact=True).click()


async def taken_in(server: RunningServer, name: str, text: str) -> str:
    """Send a document; give the address of its page."""
    await server.client.post(
        "/api/documents/upload", files={"files": (name, text.encode())}, data={"collection": "manuals"}, timeout=60
    )
    (one,) = (await server.client.get("/api/documents")).json()["documents"]
    return f"/documents/{one['id']}"


async def test_files_are_taken_in_found_read_and_deleted(reading: Reading, tmp_path: Path) -> None:
    pump = f"# Pump\n\n{FILLER}\n\n## Care\n\nOil the bearing every week.\n\n{FILLER}\n"
    files = written(tmp_path / "files", pump=pump, stove="# Stove\n\nSweep the chimney.\n", empty="")
    async with reading("/documents") as page:
        await expect(page.get_by_text("No documents yet")).to_be_visible()
        await take_in(page, files)
        await expect(page.get_by_text("Taking into manuals")).to_be_visible()
        await expect(page.get_by_text("2 new, 1 refused; 3 passages")).to_have_count(2, timeout=PATIENCE_MS)
        await expect(page.get_by_text("empty.md is empty")).to_be_visible()
        await expect(page.locator("[id^='stream-']")).to_have_count(0)
        # The list has asked for itself again, and the form is ready for the next.
        await expect(page.locator(".document-row")).to_have_count(2)
        assert await page.get_by_label("Files").evaluate("input => input.files.length") == 0

        await page.keyboard.press("Escape")
        await page.get_by_role("searchbox").press_sequentially("how do I oil the bearing")
        hit = page.locator(".hit").first
        await expect(hit).to_contain_text("Oil the bearing")
        await expect(hit.locator("mark").first).to_have_text("bearing")
        await expect(hit.get_by_text("cosine")).to_be_visible()
        await page.get_by_text("What the scores say").click()
        await expect(page.get_by_text("How near the passage is in meaning")).to_be_visible()
        await hit.get_by_role("link").click()
        await expect(page).to_have_url(re.compile("/documents/.+#passage-"))
        aimed_at = page.locator(".passage:target")
        await expect(aimed_at).to_have_count(1)
        await expect(aimed_at).to_be_in_viewport()
        assert await aimed_at.evaluate("one => getComputedStyle(one).backgroundColor") != "rgba(0, 0, 0, 0)"

        asked: list[str] = []

        async def agree(dialog: Dialog) -> None:
            asked.append(dialog.message)
            await dialog.accept()

        page.on("dialog", agree)
        await page.get_by_role("button", name="Delete").click()
        await page.wait_for_url("**/documents")
        await expect(page.locator(".document-row")).to_have_count(1)
        await page.get_by_role("button", name="Delete Stove").click()
        await expect(page.locator(".document-row")).to_have_count(0)
        await expect(page.get_by_text("No documents yet")).to_be_visible()
        assert len(asked) == 2


async def test_one_who_thinks_better_of_it_deletes_nothing(reading: Reading, server: RunningServer) -> None:
    address = await taken_in(server, "pump.md", "# Pump\n\nIt pumps.\n")
    async with reading("/documents") as page:
        page.on("dialog", lambda dialog: dialog.dismiss())
        await page.get_by_role("button", name="Delete Pump").click()
        await expect(page.locator(".document-row")).to_have_count(1)
    assert (await server.client.get(address)).status_code == 200


async def test_an_ingestion_goes_on_where_the_page_is_closed_and_is_there_when_it_is_opened_again(
    reading: Reading, tmp_path: Path
) -> None:
    files = written(tmp_path / "files", **{f"note{number}": f"# Note {number}\n\n{FILLER}\n" for number in range(40)})
    async with reading("/documents") as page:
        await take_in(page, files)
        await expect(page.get_by_role("progressbar")).to_be_visible(timeout=PATIENCE_MS)
        await expect(page.get_by_text("of 40 documents")).to_be_visible(timeout=PATIENCE_MS)
    async with reading("/documents") as page:
        await expect(page.get_by_text("40 new").first).to_be_visible(timeout=PATIENCE_MS)
        await expect(page.locator(".document-row")).to_have_count(40)
        await page.get_by_role("button", name="Show no more").click()
        await expect(page.locator(".ingestion")).to_have_count(0)


async def test_several_ingestions_end_one_after_the_other_and_the_list_shows_all(
    reading: Reading, tmp_path: Path
) -> None:
    names = [f"note{number}" for number in range(8)]
    files = written(tmp_path / "files", **{name: f"# {name}\n\n{FILLER}\n" for name in names})
    async with reading("/documents") as page:
        for begun, file in enumerate(files, 1):
            await take_in(page, [file], f"notes {begun}")
            await expect(page.locator(".ingestion")).to_have_count(begun)
        await expect(page.locator(".ingestion-summary")).to_have_count(8, timeout=PATIENCE_MS)
        await expect(page.locator(".document-row")).to_have_count(8)
        await expect(page.locator(".collections a")).to_have_count(9)


async def test_what_cannot_be_taken_in_is_said_beside_the_form_and_then_no_more(
    reading: Reading, tmp_path: Path
) -> None:
    async with reading("/documents", allowed="422") as page:
        await page.get_by_label("on this server’s machine").fill("/no/such/folder")
        await page.get_by_label("Collection", exact=True).fill("manuals")
        await page.get_by_role("button", name="Take in", exact=True).click()
        await expect(page.get_by_role("alert")).to_contain_text("/no/such/folder leads to no file")
        await page.get_by_label("on this server’s machine").fill("")
        await take_in(page, written(tmp_path / "files", pump="# Pump\n\nIt pumps.\n"))
        await expect(page.get_by_text("1 new; 1 passage").first).to_be_visible(timeout=PATIENCE_MS)
        await expect(page.get_by_role("alert")).to_have_count(0)


async def test_files_that_are_too_large_are_not_sent(reading: Reading, server: RunningServer) -> None:
    async with reading("/documents") as page:
        await page.locator("#take-in").evaluate("form => { form.dataset.mostBytes = 10 }")
        chosen = FilePayload(name="large.md", mimeType="text/markdown", buffer=b"# More than ten bytes")
        await page.get_by_label("Files").set_input_files(chosen)
        await expect(page.get_by_role("alert")).to_contain_text("The files are too much at once")
        assert await page.get_by_label("Files").evaluate("input => input.files.length") == 0


async def test_files_are_dropped_on_the_form(reading: Reading, tmp_path: Path) -> None:
    files = written(tmp_path / "files", pump="# Pump\n", stove="# Stove\n")
    async with reading("/documents") as page:
        field = page.get_by_label("Files")
        await drag_over(page, field, files, "dragEnter", "dragOver")
        await expect(page.locator(".drop")).to_have_class("drop is-over")
        await drag_over(page, field, files, "drop")
        await expect(page.locator(".drop")).to_have_class("drop")
        assert await field.evaluate("input => [...input.files].map(file => file.name)") == ["pump.md", "stove.md"]


async def test_without_scripts_documents_are_taken_in_searched_and_deleted(reading: Reading, tmp_path: Path) -> None:
    async with reading("/documents", java_script_enabled=False) as page:
        await take_in(page, written(tmp_path / "files", pump="# Pump\n\nOil the bearing.\n"))
        await page.wait_for_url("**/documents")
        rows = page.locator(".document-row")
        for _ in range(60):
            if await rows.count():
                break
            await page.wait_for_timeout(500)
            await page.reload()
        await page.get_by_role("searchbox").fill("bearing")
        await page.get_by_role("button", name="Search").click()
        await expect(page.locator(".hit")).to_contain_text("Oil the bearing")
        await page.get_by_role("button", name="Delete Pump").click()
        await expect(page.get_by_text("No documents yet")).to_be_visible()


async def test_the_search_is_a_key_away(reading: Reading) -> None:
    async with reading("/documents") as page:
        await page.keyboard.press("/")
        await expect(page.get_by_role("searchbox")).to_be_focused()


@pytest.mark.parametrize("viewport", VIEWPORTS, ids=["390", "1440"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pages_with_long_names_and_lines_do_not_scroll_sideways(
    reading: Reading, server: RunningServer, viewport: dict[str, int], scheme: str
) -> None:
    word = "a_very_long_word_without_any_blank" * 5
    address = await taken_in(server, f"{word}.md", f"# {word}\n\n## {word}{word}\n\n{word}{word} and more.\n")
    for place in ("/documents", f"/documents?query={word}", address):
        async with reading(place, viewport=viewport, color_scheme=scheme) as page:
            await expect(page.get_by_text(word).first).to_be_attached()
            assert await page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), place


async def test_a_collection_is_read_anew_from_the_page(reading: Reading, server: RunningServer, tmp_path: Path) -> None:
    (file,) = written(tmp_path / "files", pump="# Pump\n\nOil the bearing.\n")
    body = {"paths": [str(file)], "collection": "manuals"}
    await server.client.post("/api/documents", json=body, timeout=60)
    async with reading("/documents?collection=manuals") as page:
        await page.get_by_role("button", name="Read its files anew").click()
        await expect(page.locator(".ingestion")).to_have_count(2)
        await expect(page.get_by_text("1 unchanged; 1 passage").first).to_be_visible(timeout=PATIENCE_MS)
        page.on("dialog", lambda dialog: dialog.accept())
        await page.get_by_role("button", name="Delete it").click()
        await page.wait_for_url("**/documents")
        await expect(page.get_by_text("No documents yet")).to_be_visible()
