"""A call of a tool as the chat page shows it: in a line, and whole."""

from collections.abc import Iterable
from math import ceil
from typing import NamedTuple

from mdsa_server.vocabulary.call_text import arguments_in_full, arguments_in_short, printable
from mdsa_server.vocabulary.tools import ToolOutcome, ToolRun
from mdsa_server.vocabulary.turn import Turn

MINUTE = 60
# Finer than this nobody needs to know, and it would change while one reads it.
STEP_SECONDS = 10

STATES: dict[ToolOutcome, str] = {
    "returned": "result",
    "refused": "refused",
    "invalid": "arguments do not fit",
    "unknown": "no such tool",
    "failed": "failed",
    "denied": "denied",
}
"""What became of a call, in words."""
MADE = ("returned", "refused", "failed")
"""What can only become of a call that was made."""


class CallView(NamedTuple):
    """What `fragments/tool_calls.html` needs of a call."""

    call: str
    """Its name within the turn."""
    tool: str
    brief: str
    """The arguments in a line."""
    arguments: str
    """The arguments whole, as JSON."""
    kind: str
    """`running`, `asked`, `stopped`, or the outcome: by this it is styled."""
    state: str
    """How far it is, in words."""
    seconds: float | None
    """What it took; None where it was not made, or not yet."""
    said: str
    """Who let it be made, or why it was not; empty where nobody was asked."""
    result: str
    cut: bool
    left: str
    """How long it still waits, in words; empty where it does not wait."""


def calls_of(turn: Turn, seconds: float) -> list[CallView]:
    """Show a turn's calls of tools, as they stand so many seconds after its beginning."""
    return [_call(run, running=turn.outcome == "running", since=seconds) for run in turn.tool_runs]


def names_of(runs: Iterable[ToolRun]) -> str:
    """Name the tools of calls, each once."""
    return ", ".join(dict.fromkeys(printable(run.tool) for run in runs))


def time_left(seconds: float) -> str:
    """Write how long one may still take: `2 minutes`, `1 minute`, `40 seconds`."""
    if seconds > 1.5 * MINUTE:
        return f"{round(seconds / MINUTE)} minutes"
    if seconds > MINUTE - STEP_SECONDS:
        return "1 minute"
    return f"{max(ceil(seconds / STEP_SECONDS), 1) * STEP_SECONDS} seconds"


def _call(run: ToolRun, *, running: bool, since: float) -> CallView:
    kind, state = _standing(run, running=running)
    return CallView(
        call=run.call,
        tool=printable(run.tool),
        brief=arguments_in_short(run.arguments),
        arguments=arguments_in_full(run.arguments),
        kind=kind,
        state=state,
        seconds=run.seconds if run.outcome in MADE else None,
        said=_said(run),
        result=run.result,
        cut=run.cut,
        left=time_left(run.waits_until - since) if kind == "asked" and run.waits_until else "",
    )


def _standing(run: ToolRun, *, running: bool) -> tuple[str, str]:
    if run.outcome:
        return run.outcome, STATES[run.outcome]
    if not running:
        return "stopped", "not finished"
    return ("asked", "waits for your yes") if run.approval == "asked" else ("running", "running …")


def _said(run: ToolRun) -> str:
    if run.approval == "given":
        return f"Allowed by {run.by}."
    if run.approval == "denied":
        return f"Denied by {run.by}." if run.by else "Denied: nobody allowed it in time."
    return "Denied: the configuration lets nobody call it." if run.outcome == "denied" else ""
