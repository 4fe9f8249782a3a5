"""An MCP server, kept running: started, started again when it is lost, and asked for its tools whenever they change."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Any

from mdsa_server.plugin_api import DescribedTool, ToolRefused, in_own_thread

from .connection import Lost, connected, in_words, listen, load_sdk, tools_of
from .described import described
from .results import text_of
from .server_settings import McpServer
from .words import one_line

if TYPE_CHECKING:
    from mcp.client import Client
    from mcp_types import Tool as McpTool
    from structlog.typing import FilteringBoundLogger

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
# A server that ran for so long is begun again as if for the first time.
WELL_SECONDS = 30.0
# How often the list is read again where nothing is heard: so a server is noticed that hangs, or is gone.
LOOK_SECONDS = 30.0
# One that says without end that its tools have changed is not asked without end, and the longer it takes to read what
# it has, the seldomer.
LEAST_LOOK_SECONDS = 0.2
PAUSES_PER_LOOK = 10
CLOSING_SECONDS = 3.5
LAST_SECONDS = 0.5


class KeptServer:
    """One server by its name in the settings. `keep` is a task of its own, for as long as the plugin lives."""

    def __init__(self, name: str, settings: McpServer, log: FilteringBoundLogger) -> None:
        self.name = name
        self._settings = settings
        self._log = log.bind(server=name)
        self.tools: Sequence[DescribedTool] = ()
        """What it offers now; nothing while it is down."""
        self.down = "it has not started yet"
        """Why it is down, in words for the owner; empty while it is up."""
        self.tried = asyncio.Event()
        """Whether it has been up, or has failed to come up."""
        self._client: Client | None = None
        self._listed: Sequence[McpTool] | None = None
        self._up_since = inf
        self._calls = 0
        self._look = asyncio.Event()

    async def keep(self) -> None:
        """Keep it running until this is cancelled; then it ends, with all that it has started."""
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(load_sdk)
        pause = FIRST_PAUSE_SECONDS
        while True:
            self._up_since = inf
            reason = await self._live_once()
            if loop.time() - self._up_since > WELL_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            # Said once, however often it is tried.
            tell = self._log.debug if reason == self.down else self._log.warning
            tell("MCP server is down", reason=reason, again_after_seconds=pause)
            self.down = reason
            self.tried.set()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def call(self, tool: str, arguments: dict[str, Any]) -> str:
        """Call one of its tools. Raises ToolRefused, whatever goes wrong: a server's fault is none of this plugin's."""
        from mcp.shared.exceptions import MCPError
        from mcp_types import CONNECTION_CLOSED, REQUEST_TIMEOUT

        if self._client is None:
            raise ToolRefused(f"the MCP server {self.name} is down", "Do without it, and say so.")
        self._calls += 1
        try:
            result = await self._client.call_tool(tool, arguments, read_timeout_seconds=self._settings.timeout)
        except MCPError as error:
            if error.code == REQUEST_TIMEOUT:
                late = f"the MCP server {self.name} gave no answer within {self._settings.timeout:g} s"
                raise ToolRefused(late, "Ask for less at once, or do without it.") from error
            self._look.set()
            if error.code == CONNECTION_CLOSED:
                raise ToolRefused(f"the MCP server {self.name} ended during the call", "Do without it.") from error
            raise ToolRefused(one_line(error.message, 1_000) or "the MCP server refused the call") from error
        except Exception as error:
            # What the SDK raises of what a server sent; its kinds have no common root.
            self._log.warning("MCP server gave no result", tool=tool, problem=type(error).__name__)
            self._log.debug("MCP server gave no result", tool=tool, exc_info=error)
            raise ToolRefused(f"the MCP server {self.name} gave what is no result of a tool") from error
        finally:
            self._calls -= 1
        return text_of(result)

    async def _live_once(self) -> str:
        """Have it run once, and give why it ended; in a task of its own, where what the SDK opens is closed too."""
        up = asyncio.Event()
        life = asyncio.create_task(self._live(up), name=f"MCP server {self.name}")
        life.add_done_callback(lambda _: up.set())
        try:
            async with asyncio.timeout(self._settings.start_timeout):
                await up.wait()
            await asyncio.wait([life])
        except TimeoutError:
            return f"it did not start within {self._settings.start_timeout:g} s"
        finally:
            await _end(life, self._log)
        error = life.exception()
        return in_words(error) if error else "it ended"

    async def _live(self, up: asyncio.Event) -> None:
        async with connected(self._settings, self._look.set, self._log) as client:
            await self._list(client)
            self._client, self.down = client, ""
            self._up_since = asyncio.get_running_loop().time()
            self.tried.set()
            up.set()
            self._log.info("MCP server is up", tools=len(self.tools))
            listening = asyncio.create_task(listen(client, self._look.set))
            try:
                await self._follow(client)
            finally:
                self._client, self.tools, self._listed = None, (), None
                self.down = "it was lost"
                listening.cancel()

    async def _follow(self, client: Client) -> None:
        """Read its list again whenever something may have changed. Raises whatever shows that it is lost."""
        loop = asyncio.get_running_loop()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._look.wait()
            self._look.clear()
            began = loop.time()
            await self._list(client)
            pause = PAUSES_PER_LOOK * (loop.time() - began)
            await asyncio.sleep(min(max(LEAST_LOOK_SECONDS, pause), LOOK_SECONDS))

    async def _list(self, client: Client) -> None:
        try:
            async with asyncio.timeout(self._settings.start_timeout):
                listed = await tools_of(client)
        except TimeoutError as error:
            if self._calls:
                return  # It does one thing at a time, and a call is under way.
            raise Lost(f"it did not tell its tools within {self._settings.start_timeout:g} s") from error
        if listed == self._listed:
            return
        self._listed = listed
        self.tools, left_out = await in_own_thread(
            lambda: described(self.name, listed, self._settings, self.call), name=f"check tools of {self.name}"
        )
        for reason in left_out:
            self._log.warning("tool of an MCP server is left out", reason=reason)


async def _end(life: asyncio.Task[None], log: FilteringBoundLogger) -> None:
    """End a server's task: it may take a while to close, and then must not take longer."""
    for seconds in (CLOSING_SECONDS, LAST_SECONDS):
        life.cancel()
        await asyncio.wait([life], timeout=seconds)
        if life.done():
            return
    log.warning("MCP server does not close, and is left alone")
