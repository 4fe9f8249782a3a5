"""Calls by a model's own means: the tools that it is offered, and what it asks for. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from mdsa_server.chat.model_json import object_in
from mdsa_server.chat.token_rates import Estimate
from mdsa_server.chat.tool_offer import specification
from mdsa_server.chat.tool_round import Wanted
from mdsa_server.plugin_api.tool_schema import Tool

# More than these a small model cannot tell apart: those likest the message are offered.
MOST_OFFERED = 16
# So much of the context tools may take with their descriptions.
TOOLS_SHARE = 0.4
LONGEST_NAME = 64


def offered(tools: Sequence[tuple[Tool, float]], context: int, tokens_of: Estimate) -> list[dict[str, Any]]:
    """Describe tools for the engine, the likest first: as many as a model tells apart, and as fit into their share."""
    described: list[dict[str, Any]] = []
    room = context * TOOLS_SHARE
    for tool, _ in tools[:MOST_OFFERED]:
        description = specification(tool)
        room -= tokens_of(msgspec.json.encode(description).decode())
        if room >= 0:
            described.append(description)
    return described


def wanted_of(call: dict[str, Any], number: str) -> Wanted:
    """Read a call as the engine gives it, or the model wrote it; `number` names it."""
    function = call.get("function")
    asked: dict[str, Any] = function if isinstance(function, dict) else {}
    arguments = asked.get("arguments") or {}
    if isinstance(arguments, str):
        arguments = object_in(arguments) or arguments  # What is none stays what it is, and is told not to fit.
    if not isinstance(arguments, dict):
        arguments = {"arguments": arguments}
    # A name that there is has no other characters, and what has could end the mark of a result.
    name = re.sub(r"[^\w.-]", "_", str(asked.get("name", "")))[:LONGEST_NAME]
    return Wanted(number, name, arguments)
