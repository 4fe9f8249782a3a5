"""One round of a model's calls: allowed or not, made side by side, and told event by event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mdsa_server.chat.asking import Asking, Question
from mdsa_server.chat.desk import Offers
from mdsa_server.chat.tool_calls import ToolResult, bounded, checked, run_tool
from mdsa_server.plugin_api.tool_schema import Tool, ToolCall
from mdsa_server.vocabulary.events import ApprovalAnswered, ApprovalAsked, ToolCalled, ToolReturned
from mdsa_server.vocabulary.stopwatch import Stopwatch
from mdsa_server.vocabulary.tools import ToolPolicy

APPROVED, DENIED = "approve", "deny"

# More at once is no plan but a model that repeats itself. So many are made, and of so many it is told.
MOST_CALLS = 8
MOST_ASKED = 24

RoundEvent = ToolCalled | ApprovalAsked | ApprovalAnswered | ToolReturned

Fitting = Callable[[str], str]
"""Gives of a result's text as much as there is room for."""


@dataclass(frozen=True)
class Wanted:
    """A call that the model asks for."""

    call: str
    tool: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Round:
    """What the calls of one turn have in common."""

    offers: Offers
    tools: Mapping[str, Tool]
    """Those that the domain names, by name: nothing else is called, whoever asks for it."""
    caller: ToolCall
    policy: ToolPolicy
    asking: Asking
    clock: Stopwatch

    async def run(
        self, wanted: Sequence[Wanted], fitting: Fitting, results: dict[str, ToolResult]
    ) -> AsyncGenerator[RoundEvent, None]:
        """Make calls side by side, and fill in what came of each, by its name, cut to what fits."""
        for one in wanted:
            yield ToolCalled(at=self.clock(), call=one.call, tool=one.tool, arguments=one.arguments)
        events: asyncio.Queue[RoundEvent | None] = asyncio.Queue()

        async def run_all() -> None:
            try:
                async with asyncio.TaskGroup() as side_by_side:
                    for place, one in enumerate(wanted):
                        side_by_side.create_task(self._run(place, one, fitting, results, events))
            finally:
                events.put_nowait(None)

        task = asyncio.create_task(run_all())
        try:
            while (event := await events.get()) is not None:
                yield event
            await task
        finally:
            # Whoever stops listening has stopped the turn.
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(
        self,
        place: int,
        wanted: Wanted,
        fitting: Fitting,
        results: dict[str, ToolResult],
        events: asyncio.Queue[RoundEvent | None],
    ) -> None:
        began = self.clock()
        tool = self.tools.get(wanted.tool)
        if place >= MOST_CALLS:
            result = ToolResult("refused", f"This call was not made: at most {MOST_CALLS} are at once.")
        elif tool is None:
            known = ", ".join(self.tools)
            result = ToolResult("unknown", f"There is no tool {wanted.tool!r} here. There are: {known}.")
        elif isinstance(unfit := await checked(self.offers, tool, wanted.arguments, self.caller), ToolResult):
            result = unfit  # Before anybody is asked to allow it.
        elif not await self._allowed(tool, wanted, events):
            began, result = self.clock(), ToolResult("denied", "This call was not allowed. Answer without it.")
        else:
            began = self.clock()
            result = await run_tool(self.offers, tool, wanted.arguments, self.caller, self.policy)
        result = bounded(result, self.policy.max_result_chars, fitting)
        results[wanted.call] = result
        events.put_nowait(
            ToolReturned(
                at=self.clock(),
                call=wanted.call,
                tool=wanted.tool,
                outcome=result.outcome,
                result=result.text,
                cut=result.cut,
                seconds=self.clock() - began,
            )
        )

    async def _allowed(self, tool: Tool, wanted: Wanted, events: asyncio.Queue[RoundEvent | None]) -> bool:
        approval = self.policy.approval(tool.name, effects=tool.effects)
        if approval != "ask":
            return approval == "auto"
        seconds = self.policy.approval_timeout
        events.put_nowait(
            ApprovalAsked(
                at=self.clock(), call=wanted.call, tool=wanted.tool, arguments=wanted.arguments, seconds=seconds
            )
        )
        said = await self.asking.ask(Question("approval", wanted.call), seconds)
        approved = said is not None and said.word == APPROVED
        events.put_nowait(
            ApprovalAnswered(at=self.clock(), call=wanted.call, approved=approved, by=said.by if said else "")
        )
        return approved
