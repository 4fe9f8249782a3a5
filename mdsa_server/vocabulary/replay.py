"""Events by position: so that a stream can be taken up where it was left, live or from the store.

The position of a stream counts its events, and each character of text as one. It does not change
when pieces of text are joined, so a reader of a live stream can go on from the stored one.
"""

from collections.abc import Iterable
from itertools import groupby

from msgspec.structs import replace

from mdsa_server.vocabulary.events import (
    DomainAsked,
    PassagesFound,
    PromptAssembled,
    RouteChosen,
    Thinking,
    Token,
    TurnEvent,
    TurnFailed,
    TurnFinished,
)
from mdsa_server.vocabulary.turn import Needs, Turn

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
    """Fold events into the turn they are the story of."""
    answer: list[str] = []
    thinking: list[str] = []
    changes: dict[str, object] = {}
    for event in events:
        match event:
            case DomainAsked(route=route):
                changes |= {"needs": Needs(candidates=route.candidates[: len(route.tied)])}
            case RouteChosen(route=route):
                changes |= {"route": route, "domain": route.domain, "needs": None}
            case PassagesFound(passages=passages, faults=faults):
                changes |= {"passages": passages, "retrieval_faults": faults}
            case PromptAssembled(model=model, ledger=ledger):
                changes |= {"model": model, "ledger": ledger}
            case Thinking(text=text):
                thinking.append(text)
            case Token(text=text):
                answer.append(text)
            case TurnFinished(usage=usage, timings=timings, reason=reason):
                outcome = "cancelled" if reason == "cancelled" else "answered"
                changes |= {"usage": usage, "timings": timings, "reason": reason, "outcome": outcome, "needs": None}
            case TurnFailed(problem=problem):
                changes |= {"problem": problem, "outcome": "failed", "needs": None}
    if answer:
        changes["answer"] = "".join(answer)
    if thinking:
        changes["thinking"] = "".join(thinking)
    return replace(turn, **changes)
