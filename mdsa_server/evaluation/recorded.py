"""What recorded turns tell of models in memory: who wanted which model, when, for how long, and what it waited for."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise

from msgspec import Struct

from mdsa_server.vocabulary.events import (
    ModelChosen,
    ModelLoading,
    ModelWaiting,
    PromptAssembled,
    TurnEvent,
    TurnFailed,
    TurnFinished,
)


class RecordedTurn(Struct, frozen=True, kw_only=True):
    """One turn that had a model. Times are seconds since 1970."""

    model: str
    context: int
    """Tokens it was loaded with: with another number it is loaded anew."""
    arrived: float
    """When it asked for the model."""
    admitted: float
    """When the model was its to use."""
    ended: float
    load_seconds: float = 0.0
    """How long it saw the model being loaded; several turns may have seen one load."""
    loaded: float | None = None
    """When that load was over, where that was before it was admitted."""


def recorded_turn(began: datetime, events: Sequence[TurnEvent]) -> RecordedTurn | None:
    """Read a turn's events; None for one that never had a model, or whose events were dropped."""
    assembled = next((event for event in events if isinstance(event, PromptAssembled)), None)
    if assembled is None or not isinstance(events[-1], TurnFinished | TurnFailed):
        return None
    asking = (event.at for event in events if isinstance(event, ModelChosen | ModelWaiting | ModelLoading))
    loads = [(event.at, after.at) for event, after in pairwise(events) if isinstance(event, ModelLoading)]
    start = began.timestamp()
    return RecordedTurn(
        model=assembled.model,
        context=assembled.ledger.context,
        arrived=start + min(asking, default=assembled.at),
        admitted=start + assembled.at,
        ended=start + events[-1].at,
        # Not what it waited afterwards, for its turn on the model that was there by then.
        load_seconds=loads[-1][1] - loads[-1][0] if loads else 0.0,
        loaded=start + loads[-1][1] if loads else None,
    )


def recorded_turns(stories: Iterable[tuple[datetime, Sequence[TurnEvent]]]) -> list[RecordedTurn]:
    """Read turns, each with when it began and its events; give those that had a model, in order of arrival."""
    found = (recorded_turn(began, events) for began, events in stories)
    return sorted((turn for turn in found if turn is not None), key=lambda turn: turn.arrived)


def loads_seen(turns: Iterable[RecordedTurn]) -> list[tuple[str, int, float, float]]:
    """Give the loads that turns waited for: model, context, begin and end; turns that saw one load count as one."""
    seen: list[tuple[str, int, float, float]] = []
    ends = ((turn.loaded or turn.admitted, turn) for turn in turns if turn.load_seconds)
    for ended, turn in sorted(ends, key=lambda pair: pair[0]):
        began = ended - turn.load_seconds
        of_this = (turn.model, turn.context)
        same = next((place for place, load in enumerate(seen) if load[:2] == of_this and began < load[3]), None)
        if same is None:
            seen.append((turn.model, turn.context, began, ended))
        else:
            # The one that saw most of it tells how long it was.
            model, context, first, end = seen[same]
            seen[same] = model, context, min(first, began), end
    return seen
