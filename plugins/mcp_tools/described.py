"""Tools as an MCP server describes them, made ours: what it writes is data, held to bounds before a model reads it."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import msgspec

from mdsa_server.plugin_api import DescribedTool, PluginFault

from .readable_schema import readable
from .server_settings import McpServer
from .words import one_line

if TYPE_CHECKING:
    from mcp_types import Tool as McpTool

MOST_TOOLS = 128
LONGEST_DESCRIPTION = 1_000
LARGEST_SCHEMA = 20_000
"""In bytes, as JSON."""
NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
MOST_REASONS = 20
LONGEST_CHECK_SECONDS = 5.0
"""For all tools of a server; each takes up to a second, once."""

Call = Callable[[str, dict[str, Any]], Awaitable[str]]
"""Calls a tool of the server by its own name."""


def described(
    server: str, listed: Sequence[McpTool], settings: McpServer, call: Call
) -> tuple[Sequence[DescribedTool], Sequence[str]]:
    """Give the tools that may be offered, and why others are left out, in words; takes seconds for large schemas."""
    until = time.monotonic() + LONGEST_CHECK_SECONDS
    tools: dict[str, DescribedTool] = {}
    names = {tool.name for tool in listed}
    left_out = [
        f"{pattern}: it is allowed, and the server has no such tool"
        for pattern in settings.allow
        if not any(fnmatchcase(name, pattern) for name in names)
    ]
    for tool in listed:
        if not any(fnmatchcase(tool.name, pattern) for pattern in settings.allow):
            continue
        if not NAME.fullmatch(tool.name):
            left_out.append(f"{one_line(tool.name, 64)!r}: a name has at most 64 letters, digits, _, . and -")
        elif tool.name in tools:
            left_out.append(f"{tool.name}: it is listed twice")
        elif len(tools) == MOST_TOOLS:
            left_out.append(f"{tool.name}, and what follows: at most {MOST_TOOLS} tools of a server are offered")
            break
        elif time.monotonic() > until:
            left_out.append(f"{tool.name}, and what follows: to check those before took {LONGEST_CHECK_SECONDS:g} s")
            break
        else:
            try:
                tools[tool.name] = _described(f"mcp.{server}.{tool.name}", tool, settings, call)
            except PluginFault as fault:
                left_out.append(f"{tool.name}: {one_line(fault.detail, 200)}")
            except Exception as error:
                # A server's description may bring any library to raise anything; it costs the server that one tool.
                left_out.append(f"{tool.name}: {type(error).__name__}: {one_line(str(error), 200)}")
    more = len(left_out) - MOST_REASONS
    if more > 0:
        left_out[MOST_REASONS:] = [f"{more:,} more, for reasons such as these"]
    return tuple(tools.values()), tuple(left_out)


def _described(name: str, tool: McpTool, settings: McpServer, call: Call) -> DescribedTool:
    """Make one tool. Raises PluginFault where its parameters are of no use."""
    try:
        if (size := len(msgspec.json.encode(tool.input_schema))) > LARGEST_SCHEMA:
            raise PluginFault(f"its parameters take {size:,} bytes, and may take {LARGEST_SCHEMA:,}")
        parameters = readable(tool.input_schema)

        async def function(arguments: dict[str, Any]) -> str:
            return await call(tool.name, arguments)

        return DescribedTool(
            name,
            one_line(tool.description or tool.title or "", LONGEST_DESCRIPTION),
            parameters,
            function,
            effects=_effects(tool) if settings.effects is None else settings.effects,
        )
    except RecursionError as error:
        raise PluginFault("its parameters are nested too deeply") from error


def _effects(tool: McpTool) -> bool:
    return not (tool.annotations and tool.annotations.read_only_hint)
