"""One call of a tool: checked, made within its bounds, and its result as text. Nothing it does breaks the turn."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from mdsa_server.chat.desk import Offers
from mdsa_server.errors import MdsaError, PluginFault
from mdsa_server.plugin_api.tool_schema import Tool, ToolCall
from mdsa_server.vocabulary.tools import ToolOutcome, ToolPolicy


@dataclass(frozen=True)
class ToolResult:
    """What came of a call, in words for the model."""

    outcome: ToolOutcome
    text: str
    cut: bool = False

    def __post_init__(self) -> None:
        # Whatever it comes from, it is written and sent: half a character would break that.
        object.__setattr__(self, "text", self.text.encode("utf-8", "replace").decode())


async def run_tool(
    offers: Offers, tool: Tool, arguments: dict[str, Any], call: ToolCall, policy: ToolPolicy
) -> ToolResult:
    """Make a call that is allowed; give all that it gave, or what went wrong. Raises nothing."""
    made = await checked(offers, tool, arguments, call)
    if isinstance(made, ToolResult):
        return made

    async def work() -> str:
        return _as_text(await made() if tool.is_async else await in_thread(made))

    try:
        text = await offers.call(tool, work, timeout=policy.timeout)
    except PluginFault as error:
        return ToolResult("failed", f"The tool failed: {error.detail}")
    except MdsaError as error:
        return ToolResult("refused", " ".join(part for part in (f"{error.detail}.", error.mend) if part))
    return ToolResult("returned", text)


async def checked(
    offers: Offers, tool: Tool, arguments: dict[str, Any], call: ToolCall
) -> Callable[[], Any] | ToolResult:
    """Give the call, ready to be made, or what is wrong: with its arguments, or the tool, which counts as a fault."""
    try:
        return bound(tool, arguments, call)
    except Exception as error:
        broken = error

    async def break_down() -> None:
        raise broken

    try:
        await offers.call(tool, break_down)
    except MdsaError as error:
        return ToolResult("failed", f"The tool cannot be called: {error.detail}")
    raise AssertionError("what was raised in a call is told as a fault")


def bound(tool: Tool, arguments: dict[str, Any], call: ToolCall) -> Callable[[], Any] | ToolResult:
    """Give the call, ready to be made, or what is wrong with its arguments. Raises whatever a parameter's type raises.

    A tool that says itself that it cannot be called has no fault: its schema may be another program's.
    """
    try:
        return tool.bind(arguments, call)
    except msgspec.ValidationError as error:
        return ToolResult("invalid", f"The arguments do not fit: {error}")
    except PluginFault as error:
        return ToolResult("failed", f"The tool cannot be called: {error.detail}")


def bounded(result: ToolResult, most_chars: int, fitting: Callable[[str], str] | None = None) -> ToolResult:
    """Cut a text that is longer, and say in it that it was; `fitting` gives as much of it as there is room for."""
    kept = result.text[:most_chars]
    if fitting is not None:
        kept = fitting(kept)
    if len(kept) == len(result.text):
        return result
    return replace(result, text=f"{kept}\n[cut: {len(result.text):,} characters in all]", cut=True)


async def in_thread(work: Callable[[], Any]) -> Any:
    """Run a plain function in a thread of its own, which nothing waits for once the caller has gone.

    A pool's threads are waited for when the process ends, and a tool that hangs would keep it from ending.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Any] = loop.create_future()
    process = os.getpid()

    def settle(result: Any, error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(result)
        else:
            done.set_exception(error)

    def run() -> None:
        result: Any = None
        error: BaseException | None = None
        try:
            result = work()
        except StopIteration:
            error = RuntimeError("raised StopIteration")  # A future cannot carry it.
        except BaseException as raised:
            error = raised
        if os.getpid() != process:
            os._exit(0)  # The tool forked, and this is the child: the loop it would answer to is the parent's.
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="tool", daemon=True).start()
    return await done


def _as_text(result: Any) -> str:
    """Give a result as the model reads it: text as it is, all else as JSON. Raises PluginFault where it is neither.

    Not in a thread: msgspec keeps Python's lock while it writes, so that the event loop would stand still as long.
    """
    if isinstance(result, str):
        return result
    try:
        return msgspec.json.encode(result).decode()
    except (TypeError, ValueError, RecursionError) as error:
        raise PluginFault(
            f"it gave a {type(result).__name__}, which is no text and cannot be written as JSON"
        ) from error
