"""Offers the tools of MCP servers: programs, or addresses, that speak the Model Context Protocol.

Each server of `[plugins.mcp_tools.servers]` is kept running (`kept_server.py`) while this server runs, and its tools
are offered as `mcp.NAME.tool`. One that is down offers none, and says why. The protocol is spoken by the SDK, an extra
of this package (`pip install 'mdsa-server[mcp]'`) that is imported only where servers are configured.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

from mdsa_server.plugin_api import PluginContext, PluginFault, Tool, ToolSource, hookimpl

from .kept_server import KeptServer
from .server_settings import McpToolsSettings

# How long the first who asks for the tools waits for servers that are just starting; others come when they are ready.
PATIENCE_SECONDS = 3.0


@hookimpl
def plugin_settings() -> type[McpToolsSettings]:
    return McpToolsSettings


@hookimpl
@asynccontextmanager
async def plugin_lifespan(context: PluginContext) -> AsyncIterator[McpTools | None]:
    """Start the servers, and end them. Raises PluginFault where there are some and the SDK is not installed."""
    if not context.settings.servers:
        yield None
        return
    if importlib.util.find_spec("mcp") is None:
        raise PluginFault(
            "servers are configured, and what speaks to them is not installed: pip install 'mdsa-server[mcp]'"
        )
    servers = [KeptServer(name, settings, context.logger) for name, settings in context.settings.servers.items()]
    tasks = [asyncio.create_task(server.keep(), name=f"keep MCP server {server.name}") for server in servers]
    try:
        yield McpTools(servers)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@hookimpl
def register_tools(context: PluginContext) -> Iterable[ToolSource]:
    return [context.opened] if context.opened else []


class McpTools:
    """The tools of all servers that are up."""

    def __init__(self, servers: Sequence[KeptServer]) -> None:
        self._servers = servers
        self._until = asyncio.get_running_loop().time() + PATIENCE_SECONDS

    async def tools(self) -> Sequence[Tool]:
        """Give the tools of the servers that are up; just after the start, those that are starting are waited for."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self._until):
                for server in self._servers:
                    await server.tried.wait()
        return [tool for server in self._servers for tool in server.tools]

    @property
    def withheld(self) -> Mapping[str, str]:
        return {
            f"mcp.{server.name}.*": f"the MCP server {server.name} is down: {server.down}"
            for server in self._servers
            if server.down
        }
