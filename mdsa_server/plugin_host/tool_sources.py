"""What offers tools: every source asked for those it has now, each tool known by its plugin."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from weakref import WeakKeyDictionary

import structlog

from mdsa_server.errors import MdsaError, PluginFault
from mdsa_server.plugin_api.contracts import ToolSource
from mdsa_server.plugin_api.tool_schema import Tool
from mdsa_server.plugin_host.hosted import withheld_by
from mdsa_server.plugin_host.member import Member, listed

log = structlog.get_logger(__name__)

Guarded = Callable[[Member, str, Callable[[], Awaitable[Sequence[Tool]]]], Awaitable[Sequence[Tool]]]
"""Runs one call of a plugin's within limits. Raises PluginFault."""


class ToolSources:
    """The sources of all plugins, in the order in which they joined."""

    def __init__(self, guarded: Guarded) -> None:
        self._guarded = guarded
        self._sources: list[tuple[Member, ToolSource]] = []
        self._owners: WeakKeyDictionary[Tool, Member] = WeakKeyDictionary()

    def add(self, member: Member, source: ToolSource) -> None:
        self._sources.append((member, source))

    def owner(self, tool: Tool) -> Member | None:
        """Give the plugin that offered a tool; None where no source of these gave it out."""
        return self._owners.get(tool)

    async def tools(self) -> tuple[Tool, ...]:
        """Ask every source what tools it has now; one that fails has none. Of two with one name the first counts."""
        sources = self._in_use()
        answers = await asyncio.gather(*(self._tools_of(member, source) for member, source in sources))
        tools: dict[str, Tool] = {}
        offered: dict[Member, list[str]] = {member: [] for member, _ in sources}
        for (member, _), answer in zip(sources, answers, strict=True):
            for tool in answer:
                if tool.name in tools:
                    owner = self._owners[tools[tool.name]].name
                    member.refuse("register_tools", f"the tool {tool.name!r} is offered by {owner} already")
                    continue
                tools[tool.name] = tool
                self._owners[tool] = member
                offered[member].append(tool.name)
        for member, names in offered.items():
            member.tools = tuple(names)
        return tuple(tools.values())

    def withheld(self) -> dict[str, str]:
        """Tell which tools sources cannot offer now, by names or patterns of them, and why, in a sentence each."""
        told = [withheld_by(source, member) for member, source in self._in_use()]
        return {pattern: reason for withheld in told for pattern, reason in withheld.items()}

    def _in_use(self) -> list[tuple[Member, ToolSource]]:
        return [(member, source) for member, source in self._sources if member.active]

    async def _tools_of(self, member: Member, source: ToolSource) -> Sequence[Tool]:
        async def ask() -> Sequence[Tool]:
            tools = listed(await source.tools())
            for tool in tools:
                if not isinstance(tool, Tool):
                    raise PluginFault(f"gave {tool!r} among the tools, not a Tool")
            return tools

        called = f"tools of {source.name if isinstance(source, Tool) else type(source).__name__}"
        try:
            return await self._guarded(member, called, ask)
        except MdsaError as error:
            log.warning("no tools", plugin=member.name, source=called, reason=error.detail)
            return ()
