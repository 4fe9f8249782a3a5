"""One call of a plugin's, guarded: bounded in time even where it takes no notice of that, blamed and counted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import structlog

from mdsa_server.errors import MdsaError, PluginFault
from mdsa_server.plugin_host.member import Member, blameless, kind_and_place

log = structlog.get_logger(__name__)

T = TypeVar("T")

# For what was cancelled to tidy up.
HEED_SECONDS = 1.0
UNHEEDING = "goes on though it was cancelled: raise CancelledError where it is caught"


class OutOfTime(Exception):
    """A call took too long. Stays in this file: it is told as a fault."""


async def guarded(
    member: Member, called: str, work: Callable[[], Awaitable[T]], *, seconds: float, max_faults: int
) -> T:
    """Run one call of what a plugin offers. Raises PluginFault, and what is the plugin's to raise, an MdsaError.

    What goes on though it was cancelled is left behind, and its plugin used no more.
    """
    if not member.active:
        out = f"in quarantine ({member.reason})" if member.state == "quarantined" else member.reason
        raise member.fault(called, f"the plugin is {out}")
    call = member.begin()
    try:
        given = await _bounded(work, seconds, lambda: member.quarantine(called, UNHEEDING))
    except BaseException as error:
        if blameless(error) or (isinstance(error, MdsaError) and not isinstance(error, PluginFault)):
            raise
        reason = f"no answer within {seconds:g} s" if isinstance(error, OutOfTime) else kind_and_place(error)
        member.count(called, call, reason, max_faults, error)
        raise member.fault(called, reason) from error
    member.fared_well(called)
    return given


async def _bounded(work: Callable[[], Awaitable[T]], seconds: float, left_behind: Callable[[], None]) -> T:
    """Wait for work as a task of its own, since a task that swallows its cancellation can be stopped by nobody.

    Raises OutOfTime.
    """
    running = _contained(work)
    task = asyncio.create_task(running)
    try:
        await asyncio.wait([task], timeout=seconds)
        if task.done():
            return task.result()
        raise OutOfTime
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=HEED_SECONDS)
            if not task.done():
                left_behind()
                _close(task, running)


async def _contained(work: Callable[[], Awaitable[T]]) -> T:
    try:
        return await work()
    except SystemExit as error:  # A task would end the event loop with it, and the server.
        raise PluginFault(kind_and_place(error)) from error


def _close(task: asyncio.Task[Any], running: Coroutine[Any, Any, Any]) -> None:
    """End what swallows CancelledError by closing it: the event loop, when it ends, would wait for it."""
    task.add_done_callback(_unheard)
    try:
        running.close()
    except RuntimeError as error:
        log.error("a call of a plugin's does not close", reason=str(error))
    task.cancel()  # Wakes the task, so that it sees its end.


def _unheard(task: asyncio.Task[Any]) -> None:
    """Take what was raised when nobody listened any more, which the event loop would complain of."""
    if not task.cancelled():
        task.exception()
