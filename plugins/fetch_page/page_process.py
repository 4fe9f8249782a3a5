"""Has a page's HTML read by a process of its own, which is ended if it takes too long or too much memory."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from mdsa_server.plugin_api import PluginFault, ToolRefused

PROGRAM = Path(__file__).with_name("page_text.py")
MOST_SECONDS = 5
MOST_MEMORY = 1_000_000_000


class PageText(msgspec.Struct, frozen=True):
    """A page as a reader sees it."""

    title: str
    text: str
    whole: bool
    """Whether that is all of its text."""


async def page_text(html: str, chars: int) -> PageText:
    """Give the title and up to `chars` characters of the text. Raises ToolRefused where the page cannot be read."""
    try:
        process = await asyncio.create_subprocess_exec(
            # With -P no file in the plugin's folder can take the place of a module.
            *(sys.executable, "-P", str(PROGRAM), str(chars), str(MOST_MEMORY), str(MOST_SECONDS)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError as error:
        raise PluginFault(f"no process can be started that reads pages: {error}") from error
    try:
        async with asyncio.timeout(MOST_SECONDS):
            told, _ = await process.communicate(html.encode())
        return msgspec.json.decode(told, type=PageText)
    except (TimeoutError, msgspec.DecodeError) as error:
        raise ToolRefused("the page's HTML is too much to read", "Try another page.") from error
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End it, if it has not ended by itself: it took too long, or the turn was stopped meanwhile."""
    with suppress(ProcessLookupError):
        process.kill()
    # A pipe that nobody empties would keep its end from being noticed.
    while process.stdout and await process.stdout.read(1 << 16):
        pass
    await process.wait()
