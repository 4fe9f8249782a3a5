"""One connection to an MCP server, by either transport; the only file, but for the program's, that knows the SDK's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .server_settings import McpServer, Unset, filled
from .stdio_server import StdioServer
from .words import one_line

if TYPE_CHECKING:
    from mcp.client import Client, IncomingMessage
    from mcp_types import Tool as McpTool
    from structlog.typing import FilteringBoundLogger

MOST_PAGES = 100
MOST_LISTED = 10_000
CONNECT_SECONDS = 10.0
# As long as the SDK lets a stream of events be silent.
SILENT_SECONDS = 300.0
LISTEN_AGAIN_SECONDS = 5.0
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Lost(Exception):
    """There is no connection; says why, in words for the owner of the server."""


def load_sdk() -> None:
    """Import what the rest of this file uses: it takes a second, and should not stop the loop for so long."""
    import mcp.client.client
    import mcp.client.stdio
    import mcp.client.streamable_http  # noqa: F401  # here only so that it is there later


@asynccontextmanager
async def connected(settings: McpServer, look: Callable[[], None], log: FilteringBoundLogger) -> AsyncIterator[Client]:
    """Start the server or find it, and greet it. Raises Lost, or whatever the SDK raises.

    `look` is called whenever there may be something to see: other tools, or the connection's end.
    """
    import httpx2
    from mcp.client.client import Client
    from mcp.client.stdio import get_default_environment
    from mcp.client.streamable_http import streamable_http_client
    from mcp_types import ToolListChangedNotification

    async def heed(message: IncomingMessage) -> None:
        if isinstance(message, ToolListChangedNotification):
            look()

    program: StdioServer | None = None
    begun = False
    try:
        async with AsyncExitStack() as stack:
            if settings.command:
                env = get_default_environment() | filled(settings.env)
                program = StdioServer(settings.command, env=env, cwd=settings.cwd, on_end=look, log=log)
                client = Client(program, cache=None, message_handler=heed, read_timeout_seconds=settings.start_timeout)
            else:
                http = httpx2.AsyncClient(
                    headers=filled(settings.headers),
                    timeout=httpx2.Timeout(CONNECT_SECONDS, read=SILENT_SECONDS),
                    # The environment's web proxies are not for this machine.
                    trust_env=urlsplit(settings.url).hostname not in LOOPBACK,
                )
                await stack.enter_async_context(http)
                # Whether it ends well or not, nothing is sent then: a server that hangs would hold up the next start.
                transport = streamable_http_client(settings.url, http_client=http, terminate_on_close=False)
                client = Client(
                    transport, cache=None, message_handler=heed, read_timeout_seconds=settings.start_timeout
                )
            await stack.enter_async_context(client)
            begun = True
            yield client
    except Exception as error:
        if program is not None and program.flaw:
            raise Lost(program.flaw) from error
        if program is not None and program.code is not None:
            # Once it has begun, what it says may hold what a user wrote.
            said = "" if begun or not program.said else f": {one_line(program.said, 200)}"
            raise Lost(f"its program ended with code {program.code}{said}") from error
        raise


async def tools_of(client: Client) -> list[McpTool]:
    """List what a server has, page by page. Raises Lost where there is no end to it."""
    if client.server_capabilities.tools is None:
        return []
    page = await client.list_tools()
    tools = list(page.tools)
    for _ in range(MOST_PAGES):
        if page.next_cursor is None:
            return tools
        page = await client.list_tools(cursor=page.next_cursor)
        tools += page.tools
        if len(tools) > MOST_LISTED:
            break
    raise Lost(f"its list of tools has no end: more than {MOST_PAGES} pages, or {MOST_LISTED:,} tools")


async def listen(client: Client, look: Callable[[], None]) -> None:
    """Ask a server to tell of changes, as those of the newest protocol want to be asked; others tell by themselves."""
    from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
    from mcp.shared.exceptions import MCPError

    while True:
        try:
            async with client.listen(tools_list_changed=True) as changes:
                async for _ in changes:
                    look()
        except (ListenNotSupportedError, MCPError, TimeoutError):
            # It tells of none, then; its list is read again from time to time.
            return
        except SubscriptionLost:
            look()
        await asyncio.sleep(LISTEN_AGAIN_SECONDS)


def in_words(error: BaseException) -> str:
    """Say why there is no connection, for the owner of the server; what a server sends is held to a line."""
    import httpx2
    from mcp.shared.exceptions import MCPError

    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    text = one_line(str(error), 200)
    if isinstance(error, Lost | Unset):
        return text
    if isinstance(error, MCPError):
        return f"it does not answer as an MCP server does: {text}"
    if isinstance(error, httpx2.HTTPError):
        return f"it cannot be reached: {text or type(error).__name__}"
    if isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        return f"it cannot be started: {error.strerror}{where}"
    return f"{type(error).__name__}: {text}"
