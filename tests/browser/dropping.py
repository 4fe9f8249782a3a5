"""How a person drops files on a page."""

from collections.abc import Sequence
from pathlib import Path

from playwright.async_api import Locator, Page


async def drag_over(page: Page, place: Locator, files: Sequence[Path], *kinds: str) -> None:
    """Send events of a drag, `dragEnter`, `dragOver` or `drop`, to the foot of a place."""
    await place.scroll_into_view_if_needed()
    box = await place.bounding_box()
    assert box
    browser = await page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(file) for file in files], "dragOperationsMask": 1}
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] - 8}
    for kind in kinds:
        await browser.send("Input.dispatchDragEvent", {"type": kind, "data": data} | at)


async def drop(page: Page, place: Locator, files: Sequence[Path]) -> None:
    await drag_over(page, place, files, "dragEnter", "dragOver", "drop")
