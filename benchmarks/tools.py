"""How well a small model calls tools: by its own means, and held to a schema.

usage: python -m benchmarks.tools [--json] [--model NAME] [--every N] [--missed]

Sixty messages each need one call of one of twelve tools (`tool_tasks.py`), twenty need none. Each is put to the model
at temperature 0: held to a schema, as in a turn (`chat/constrained_calls.py`), and by its own means, without
instructions, where the model says that it can call tools. What is judged is the first call that it asks for. The engine
is the one that OLLAMA_HOST names, one on this machine, or the embedded stand-in; the model is NAME, or the default one.

right tool        of the sixty, those where the tool that is needed is called
right arguments   of the sixty, those where the arguments are right as well
invalid           of these calls, those that name no tool or whose arguments do not fit it
needless          of the twenty, those where a tool is called all the same
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.tool_tasks import TASKS, TOOLS, UNNEEDED, Task
from mdsa_server.chat.constrained_calls import ConstrainedCaller
from mdsa_server.chat.exchange import Exchange
from mdsa_server.chat.native_calls import MOST_OFFERED
from mdsa_server.chat.token_rates import TokenRates
from mdsa_server.chat.tool_calls import ToolResult, bound
from mdsa_server.chat.tool_offer import described, specification
from mdsa_server.chat.tool_round import Wanted
from mdsa_server.configuration.load import load
from mdsa_server.configuration.trying import LateEngine, tried_embedder
from mdsa_server.inference.lease import Lease
from mdsa_server.plugin_api import Domain, Message, Tool, ToolCall

DOMAIN = Domain(name="benchmark", description="Whatever is asked.")
CALL = ToolCall(domain=DOMAIN, caller="benchmark", conversation=None)
# Each of the calls takes less; what goes on for longer only talks.
NATIVE_TOKENS = 120
Ranked = Sequence[tuple[Tool, float]]


@dataclass
class Tally:
    """What came of the tasks."""

    needed: int = 0
    right_tool: int = 0
    right_arguments: int = 0
    calls: int = 0
    invalid: int = 0
    unneeded: int = 0
    needless: int = 0
    seconds: list[float] = field(default_factory=list)

    def add(self, task: Task, wanted: Sequence[Wanted], seconds: float) -> str:
        """Judge the first call that was made for a task; gives what was wrong, in words."""
        self.seconds.append(seconds)
        first = wanted[0] if wanted else None
        self.needed += task.tool is not None
        self.unneeded += task.tool is None
        if first is None:
            return "" if task.tool is None else "no call"
        self.calls += 1
        tool = next((tool for tool in TOOLS if tool.name == first.tool), None)
        unfit = tool is None or isinstance(bound(tool, first.arguments, CALL), ToolResult)
        self.invalid += unfit
        self.needless += task.tool is None
        said = f"{first.tool} {json.dumps(first.arguments, ensure_ascii=False)}"
        if task.tool is None or first.tool != task.tool:
            return said
        self.right_tool += 1
        if unfit or not task.right(first.arguments):
            return said
        self.right_arguments += 1
        return ""

    def figures(self) -> dict[str, float]:
        return {
            "right_tool": round(self.right_tool / self.needed, 4),
            "right_arguments": round(self.right_arguments / self.needed, 4),
            "invalid": round(self.invalid / self.calls, 4) if self.calls else 0.0,
            "needless": round(self.needless / self.unneeded, 4) if self.unneeded else 0.0,
            "seconds": round(float(np.median(self.seconds)), 3),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--model", help="the model to ask, by the engine's name")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take only every Nth task")
    parser.add_argument("--missed", action="store_true", help="show what went wrong")
    options = parser.parse_args()
    figures = asyncio.run(measure(options.model, options.every, show_missed=options.missed))
    if options.json:
        print(json.dumps(figures))


async def measure(model: str | None, every: int, *, show_missed: bool) -> dict[str, Any]:
    """Put all tasks to the model, in each way that it can; print the figures as they come."""
    tasks = (*TASKS[::every], *UNNEEDED[::every])
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mdsa-tools-"))
        # The configuration that comes along, whatever lies in the folder where this is run.
        loaded = load(None, {}, Path(folder))
        embedder = await stack.enter_async_context(tried_embedder(loaded, None))
        vectors = await embedder.embed_passages([*map(described, TOOLS), *(task.message for task in tasks)])
        likeness = vectors[len(TOOLS) :] @ vectors[: len(TOOLS)].T
        late = LateEngine(loaded.settings, os.environ.get("OLLAMA_HOST"), stack)
        keeper = await late.keeper()
        name = model or await keeper.engine.default_model()
        figures: dict[str, Any] = {"model": name}
        print(f"{name}, {len(tasks)} tasks\n")
        print(f"{'':<14}{'right tool':>11}{'right arguments':>17}{'invalid':>9}{'needless':>10}{'seconds':>9}")
        ways = {"constrained": constrained, "native": native}
        for way, ask in ways.items():
            tally = Tally()
            for task, likenesses in zip(tasks, likeness, strict=True):
                ranked = sorted(zip(TOOLS, map(float, likenesses), strict=True), key=lambda pair: -pair[1])
                async with keeper.lease([name], DOMAIN.options) as lease:
                    async for _ in lease.admission(time.monotonic):
                        pass
                    if way == "native" and "tools" not in lease.details.capabilities:
                        break
                    began = time.perf_counter()
                    wrong = tally.add(task, await ask(lease, ranked[:MOST_OFFERED], task), time.perf_counter() - began)
                if wrong and show_missed:
                    print(f"    {task.message}  ->  {wrong}")
            if not tally.seconds:
                print(f"{way:<14}not measured: the model does not say that it can call tools")
                continue
            figures[way] = tally.figures()
            columns = zip(figures[way].values(), (11, 17, 9, 10, 9), strict=True)
            print(f"{way:<14}" + "".join(f"{value:>{width}.3f}" for value, width in columns), flush=True)
    return figures


async def constrained(lease: Lease, tools: Ranked, task: Task) -> list[Wanted]:
    caller = ConstrainedCaller(lease, tools, TokenRates().estimate(lease.model))
    return await caller.decide(task.message, (), Exchange(), "1")


async def native(lease: Lease, tools: Ranked, task: Task) -> list[Wanted]:
    chunks = lease.client.chat(
        lease.model,
        [Message(role="user", content=task.message)],
        options={**lease.options, "temperature": 0, "num_predict": NATIVE_TOKENS},
        keep_alive=lease.keep_alive,
        think=False,
        tools=[specification(tool) for tool, _ in tools],
    )
    calls: list[dict[str, Any]] = []
    async with aclosing(chunks):
        async for chunk in chunks:
            calls += chunk.tool_calls
    functions = [call.get("function") or {} for call in calls]
    return [Wanted("1", str(one.get("name")), one.get("arguments") or {}) for one in functions]


if __name__ == "__main__":
    main()
