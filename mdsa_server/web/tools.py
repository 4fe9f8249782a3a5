"""The tools on offer, and a call of one by hand: what the API and the page of tools have in common."""

from collections.abc import Collection
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from msgspec import Struct

from mdsa_server.chat.tool_calls import bounded, run_tool
from mdsa_server.errors import ToolDenied, UnknownTool
from mdsa_server.plugin_api.tool_schema import Tool, ToolCall
from mdsa_server.vocabulary.call_text import printable
from mdsa_server.vocabulary.plugins import PluginStatus
from mdsa_server.vocabulary.stopwatch import stopwatch
from mdsa_server.vocabulary.tools import ToolDescription, ToolOutcome
from mdsa_server.web.rooms import Rooms


class TriedTool(Struct, frozen=True, kw_only=True):
    """What came of a call by hand."""

    tool: str
    outcome: ToolOutcome
    result: str
    """As a model would read it."""
    cut: bool
    """Whether the result was longer."""
    seconds: float


async def tools_on_offer(rooms: Rooms) -> list[ToolDescription]:
    """Give the tools that plugins offer now, sorted by name."""
    return sorted((described(rooms, tool) for tool in await rooms.registry.tools()), key=lambda tool: tool.name)


async def find_tool(rooms: Rooms, name: str) -> Tool:
    """Raises UnknownTool, with the reason why it is not on offer now, or a name that comes close."""
    tools = {tool.name: tool for tool in await rooms.registry.tools()}
    if name not in tools:
        raise unknown_tool(rooms, name, tools)
    return tools[name]


def unknown_tool(rooms: Rooms, name: str, offered: Collection[str]) -> UnknownTool:
    """Tell why a tool is not among those that are offered."""
    reasons = [reason for pattern, reason in rooms.registry.withheld().items() if fnmatchcase(name, pattern)]
    if reasons:
        mend = "See to what the reason names, if it stays so; the tool comes back with it."
        return UnknownTool(f"{printable(name)} is not on offer now: {'; '.join(reasons)}", mend)
    out = [plugin.name for plugin in held_back(rooms)]
    close = get_close_matches(name, offered, n=1)
    mend = f"Did you mean {close[0]}?" if close else "`mdsa tools` lists those on offer."
    if out and not close:
        mend = f"Out of use, with what they may offer: {', '.join(out)}. `mdsa plugins` says why."
    return UnknownTool(f"no plugin offers a tool named {name!r}", mend)


def held_back(rooms: Rooms) -> list[PluginStatus]:
    """Give the plugins that are in quarantine or disabled for now, with the tools that they would offer."""
    return [plugin for plugin in rooms.registry.status() if plugin.held_back]


def described(rooms: Rooms, tool: Tool) -> ToolDescription:
    """Describe a tool of the registry's."""
    return ToolDescription(
        name=tool.name,
        description=tool.description,
        parameters=tool.parameters,
        plugin=rooms.registry.owner(tool),
        effects=tool.effects,
        approval=rooms.live_turns.desk.team.tools.approval(tool.name, effects=tool.effects),
    )


async def try_tool(
    rooms: Rooms, tool: Tool, arguments: dict[str, Any], *, domain: str | None, caller: str
) -> TriedTool:
    """Call a tool for a person, whose call is the yes where one is asked for; `domain` None is the fallback.

    Raises UnknownDomain, and ToolDenied where not even a yes would do.
    """
    team = rooms.live_turns.desk.team
    call = ToolCall(domain=team.domain(domain or team.fallback), caller=caller, conversation=None)
    if team.tools.approval(tool.name, effects=tool.effects) == "deny":
        raise ToolDenied(
            f"the configuration denies calls of {tool.name!r}",
            "Set `approval` in `[tools]` of mdsa.toml to let it be called.",
        )
    seconds = stopwatch()
    came = bounded(await run_tool(rooms.registry, tool, arguments, call, team.tools), team.tools.max_result_chars)
    return TriedTool(tool=tool.name, outcome=came.outcome, result=came.text, cut=came.cut, seconds=seconds())
