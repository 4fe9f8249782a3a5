"""Which tools a turn may use: those that its domain names and that are there, the likeliest first."""

from __future__ import annotations

from typing import Any

import structlog

from mdsa_server.chat.desk import Desk, SharedVector
from mdsa_server.chat.marked_data import as_data
from mdsa_server.errors import EmbedderUnavailable
from mdsa_server.plugin_api.tool_schema import Tool
from mdsa_server.vocabulary.domain import Domain
from mdsa_server.vocabulary.tools import named

log = structlog.get_logger(__name__)

TOOLS = "tools"
"""The mark between which the templates of common models list tools."""


async def tools_of(desk: Desk, domain: Domain, vector: SharedVector) -> list[tuple[Tool, float]]:
    """Give the tools that a domain's model may call for a message, each with its likeness to that, likest first.

    Those that are never to be called are left out. Likeness is the cosine of the message's vector and that of the
    tool's name and description; 1 for all where nothing embeds. No plugin is asked where the domain names none.
    """
    if not domain.tools or domain.tool_use == "off":
        return []
    policy = desk.team.tools
    tools = [
        tool
        for tool in await desk.offers.tools()
        if named(tool.name, domain.tools) and policy.approval(tool.name, effects=tool.effects) != "deny"
    ]
    if not tools:
        return []
    try:
        message = await vector()
        vectors = await desk.embed([described(tool) for tool in tools], cached=True)
    except EmbedderUnavailable as error:
        log.warning("tools are offered unsorted", problem=error.detail)
        return [(tool, 1.0) for tool in tools]
    likeness = [float(value) for value in vectors @ message]
    return sorted(zip(tools, likeness, strict=True), key=lambda pair: -pair[1])


def described(tool: Tool) -> str:
    """Say in a line what a tool is and does."""
    return f"{tool.name.replace('_', ' ').replace('.', ' ')}: {tool.description}"


def specification(tool: Tool) -> dict[str, Any]:
    """Describe a tool as the engine's wire has it.

    Another program may have written its description and schema, so that no text in them can be a sign of the engine's.
    Names stay as they are: the model is to give them back.
    """
    function = {"name": tool.name, "description": as_data(tool.description, TOOLS)}
    return {"type": "function", "function": function | {"parameters": _as_data(tool.parameters)}}


def _as_data(part: Any, key: str = "") -> Any:
    if isinstance(part, dict):
        return {name: _as_data(value, name) for name, value in part.items()}
    if isinstance(part, list | tuple):
        # A property may have the name `required` too; its schema is no list.
        return list(part) if key == "required" else [_as_data(value) for value in part]
    return as_data(part, TOOLS) if isinstance(part, str) else part
