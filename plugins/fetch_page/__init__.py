"""A tool that reads a web page. It is off unless `[plugins.fetch_page]` turns it on, and asks public addresses only.

A model chooses the address, and what it has read may have told it to. So nothing can be asked at a private address, at
one of this machine's own, or on the networks that it is on (`addresses.py`, `guarded_network.py`), and neither a page
nor its sender can take more than was allowed (`fetching.py`, `content.py`, `page_process.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from mdsa_server.plugin_api import PluginContext, Tool, ToolRefused, ToolSource, hookimpl

from .fetching import Fetcher
from .page_process import page_text

GOES_ON = "[The page goes on; this is its beginning.]"


class FetchPageSettings(Struct):
    """The table `[plugins.fetch_page]`."""

    enabled: bool = False
    """Whether the tool is on offer."""
    allowed_hosts: tuple[str, ...] = ()
    """Hosts that may be asked, by name or by a pattern such as `*.example.org`; none named are all that are public."""
    ports: tuple[Annotated[int, Meta(ge=1, le=65535)], ...] = (80, 443)
    """Ports that may be asked."""
    timeout: Annotated[float, Meta(gt=0)] = 15.0
    """Seconds that all of it may take, redirects and reading included."""
    max_page_mb: Annotated[float, Meta(gt=0, le=10)] = 2.0
    """How much of a page is read, in MB, counted after unpacking."""
    max_chars: Annotated[int, Meta(ge=1)] = 20_000
    """How many characters of its text are given."""


@hookimpl
def plugin_settings() -> type[FetchPageSettings]:
    return FetchPageSettings


@hookimpl
def register_tools(context: PluginContext) -> Iterable[ToolSource]:
    settings: FetchPageSettings = context.settings
    if not settings.enabled:
        return [Off()]
    fetcher = Fetcher(
        allowed_hosts=settings.allowed_hosts, ports=settings.ports, max_bytes=int(settings.max_page_mb * 1_000_000)
    )
    return [Tool(reader_of(fetcher, settings), effects=True)]


class Off:
    """Offers nothing, and tells those who miss it how to have it."""

    withheld: Mapping[str, str] = {"fetch_page": "it is off unless [plugins.fetch_page] has enabled = true"}

    async def tools(self) -> Sequence[Tool]:
        return ()


def reader_of(fetcher: Fetcher, settings: FetchPageSettings) -> Callable[..., Awaitable[str]]:
    """Make the tool that reads what `fetcher` brings. It has effects: the address itself tells others something."""

    async def fetch_page(
        url: Annotated[str, Meta(description="The page's whole address, which begins with https://")],
    ) -> str:
        """Read a web page: give a website's address (URL, link) and get the title and text of that page."""
        try:
            async with asyncio.timeout(settings.timeout):
                content = await fetcher.fetch(url)
                title, text, whole = "", content.text, content.whole
                if content.is_html:
                    page = await page_text(text, settings.max_chars)
                    title, text, whole = page.title, page.text, whole and page.whole
        except TimeoutError as error:
            raise ToolRefused(f"the page took longer than {settings.timeout:g} s", "Try another page.") from error
        if len(text) > settings.max_chars:
            text, whole = text[: settings.max_chars], False
        parts = (f"Title: {title}" if title else "", f"Address: {content.url}", text or "(no text)")
        return "\n\n".join(part for part in (*parts, "" if whole else GOES_ON) if part)

    return fetch_page
