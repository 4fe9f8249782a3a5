"""Tools as an MCP server describes them, made ours: what it writes is data, held to bounds before a model reads it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Awaitable, Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import msgspec

from mdsa_server.plugin_api import DescribedTool, PluginFault

from .server_settings import McpServer

if TYPE_CHECKING:
    from mcp_types import Tool as McpTool

MOST_TOOLS = 128
LONGEST_DESCRIPTION = 1_000
LARGEST_SCHEMA = 20_000
"""In bytes, as JSON."""
NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
# What they hold is data of the server's, not words for the model.
DATA = ("const", "default", "enum", "examples")

Call = Callable[[str, dict[str, Any]], Awaitable[str]]
"""Calls a tool of the server by its own name."""


def described(
    server: str, listed: Iterable[McpTool], settings: McpServer, call: Call
) -> tuple[Sequence[DescribedTool], Sequence[str]]:
    """Give the tools that may be offered, and why others are left out, in words."""
    tools: dict[str, DescribedTool] = {}
    left_out: list[str] = []
    seen: set[str] = set()
    for tool in listed:
        seen.add(tool.name)
        if not any(fnmatchcase(tool.name, pattern) for pattern in settings.allow):
            continue
        if not NAME.fullmatch(tool.name):
            left_out.append(f"{one_line(tool.name, 64)!r}: a name has at most 64 letters, digits, _, . and -")
        elif tool.name in tools:
            left_out.append(f"{tool.name}: it is listed twice")
        elif len(tools) == MOST_TOOLS:
            left_out.append(f"{tool.name}, and what follows: at most {MOST_TOOLS} tools of a server are offered")
            break
        else:
            try:
                tools[tool.name] = _described(f"mcp.{server}.{tool.name}", tool, settings, call)
            except PluginFault as fault:
                left_out.append(f"{tool.name}: {one_line(fault.detail, 200)}")
    for pattern in settings.allow:
        if not any(fnmatchcase(name, pattern) for name in seen):
            left_out.append(f"{pattern}: it is allowed, and the server has no such tool")
    return tuple(tools.values()), tuple(left_out)


def one_line(text: str, most: int) -> str:
    """Give a text without line breaks and what cannot be seen, and at most so many characters of it."""
    # More is not looked at: a text of some megabytes would hold everything up.
    visible = (" " if unicodedata.category(one)[0] in "CZ" else one for one in text[: 4 * most])
    line = " ".join("".join(visible).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _described(name: str, tool: McpTool, settings: McpServer, call: Call) -> DescribedTool:
    """Make one tool. Raises PluginFault where its parameters are of no use."""
    try:
        if (size := len(msgspec.json.encode(tool.input_schema))) > LARGEST_SCHEMA:
            raise PluginFault(f"its parameters take {size:,} bytes, and may take {LARGEST_SCHEMA:,}")
        parameters = _readable(tool.input_schema)

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


def _readable(schema: Any) -> Any:
    """Clean the words of a schema as the tool's own description is. Raises PluginFault where it leads elsewhere."""
    if isinstance(schema, list):
        return [_readable(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    refers_to = schema.get("$ref")
    if isinstance(refers_to, str) and not refers_to.startswith("#"):
        raise PluginFault(f"its parameters refer to {one_line(refers_to, 100)}, and nothing is fetched")
    return {
        key: one_line(part, LONGEST_DESCRIPTION)
        if key in ("description", "title") and isinstance(part, str)
        else (part if key in DATA else _readable(part))
        for key, part in schema.items()
    }
