"""Events by position: so that a stream can be taken up where it was left, live or from the store.

The position of a stream counts its events, and each character of text as one. It does not change
when pieces of text are joined, so a reader of a live stream can go on from the stored one.
"""

from collections.abc import Iterable
from itertools import groupby

from msgspec.structs import replace

from mdsa_server.vocabulary.events import (
    ApprovalAnswered,
    ApprovalAsked,
    DomainAsked,
    HistoryUnread,
    PassagesFound,
    PromptAssembled,
    PromptOverran,
    PromptRefused,
    RouteChosen,
    Thinking,
    Token,
    ToolCalled,
    ToolReturned,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnUnsaved,
)
from mdsa_server.vocabulary.tools import ToolRun
from mdsa_server.vocabulary.turn import Ledger, Needs, Turn

Positioned = tuple[int, TurnEvent]
"""An event and the position of the stream just after it."""


def extent(event: TurnEvent) -> int:
    """How far an event moves the stream's position."""
    return len(event.text) if isinstance(event, Token | Thinking) else 1


def events_after(events: Iterable[TurnEvent], position: int) -> list[Positioned]:
    """Give what comes after `position`; a piece of text that spans it is cut there."""
    rest: list[Positioned] = []
    end = 0
    for event in events:
        end += extent(event)
        if end <= position:
            continue
        unseen = end - position
        if isinstance(event, Token | Thinking) and unseen < len(event.text):
            event = replace(event, text=event.text[-unseen:])
        rest.append((end, event))
    return rest


def joined(events: Iterable[TurnEvent]) -> list[TurnEvent]:
    """Join adjacent pieces of text, keeping the time of the first."""
    whole: list[TurnEvent] = []
    for kind, run in groupby(events, key=type):
        pieces = list(run)
        if kind in (Token, Thinking):
            text = "".join(piece.text for piece in pieces if isinstance(piece, Token | Thinking))
            pieces = [replace(pieces[0], text=text)]
        whole += pieces
    return whole


def told(turn: Turn, events: Iterable[TurnEvent]) -> Turn:
    """Fold events into the turn they are the story of; those of a call may come in several times."""
    answer: list[str] = []
    thinking: list[str] = []
    runs = {run.call: run for run in turn.tool_runs}
    # Results of tools may push a passage out of a later prompt: the model was given it all the same.
    given = {one.number: one for one in turn.given}
    changes: dict[str, object] = {}
    for event in events:
        match event:
            case TurnUnsaved(problem=problem):
                changes["unsaved"] = problem
            case HistoryUnread(problem=problem):
                changes["history_problem"] = problem
            case DomainAsked(route=route):
                changes |= {"needs": Needs(candidates=route.candidates[: len(route.tied)])}
            case RouteChosen(route=route):
                changes |= {"route": route, "domain": route.domain, "needs": None}
            case PassagesFound(passages=passages, faults=faults):
                changes |= {"passages": passages, "retrieval_faults": faults}
            case PromptAssembled(model=model, ledger=ledger, passages=passages):
                given |= {one.number: one for one in passages}
                changes |= {"model": model, "ledger": ledger, "given": tuple(given[number] for number in sorted(given))}
            case PromptRefused() if not runs:  # After a call the prompt holds none that one before did not.
                given.clear()
                changes["given"] = ()
            case PromptOverran(counted=counted):
                made = changes.get("ledger", turn.ledger)
                changes["ledger"] = replace(made, counted=counted) if isinstance(made, Ledger) else made
            case Thinking(text=text):
                thinking.append(text)
            case Token(text=text):
                answer.append(text)
            case ToolCalled() | ApprovalAsked() | ApprovalAnswered() | ToolReturned():
                runs[event.call] = _run(runs.get(event.call), event)
                asked = tuple(run for run in runs.values() if run.approval == "asked")
                changes["needs"] = Needs(kind="approval", calls=asked) if asked else None
            case TurnFinished(usage=usage, timings=timings, reason=reason):
                outcome = "cancelled" if reason == "cancelled" else "answered"
                changes |= {"usage": usage, "timings": timings, "reason": reason, "outcome": outcome, "needs": None}
            case TurnFailed(problem=problem):
                changes |= {"problem": problem, "outcome": "failed", "needs": None}
    if runs:
        changes["tool_runs"] = tuple(runs.values())
    if answer:
        changes["answer"] = "".join(answer)
    if thinking:
        changes["thinking"] = "".join(thinking)
    return replace(turn, **changes)


def _run(run: ToolRun | None, event: ToolCalled | ApprovalAsked | ApprovalAnswered | ToolReturned) -> ToolRun:
    """Give a call of a tool as it stands after one more of its events."""
    match event:
        case ToolCalled(call=call, tool=tool, arguments=arguments):
            return ToolRun(call=call, tool=tool, arguments=arguments)
        case ApprovalAsked(call=call, tool=tool, arguments=arguments):
            given = run or ToolRun(call=call, tool=tool, arguments=arguments)
            return replace(given, approval="asked", waits_until=event.at + event.seconds)
        case ApprovalAnswered(call=call, approved=approved, by=by):
            given = run or ToolRun(call=call, tool="", arguments={})
            return replace(given, approval="given" if approved else "denied", by=by, waits_until=None)
        case ToolReturned(call=call, tool=tool):
            return replace(
                run or ToolRun(call=call, tool=tool, arguments={}),
                outcome=event.outcome,
                result=event.result,
                cut=event.cut,
                seconds=event.seconds,
            )
