"""What happens during a turn, as one stream of events that every surface renders."""

from typing import Any

from msgspec import Struct

from mdsa_server.vocabulary.passages import GivenPassage, Passage
from mdsa_server.vocabulary.problem import Problem
from mdsa_server.vocabulary.routing import Route
from mdsa_server.vocabulary.tools import ToolOutcome
from mdsa_server.vocabulary.turn import Ledger, Timings, Usage


class Event(Struct, frozen=True, kw_only=True, tag_field="type"):
    """What all events of a turn share."""

    at: float
    """Seconds since the turn began."""


class TurnStarted(Event, frozen=True, tag="turn_started"):
    """The message is saved; the turn has its name."""

    turn: str
    conversation: str


class TurnUnsaved(Event, frozen=True, tag="turn_unsaved"):
    """The turn cannot be saved now. It is answered all the same, and saved once it can be if the server still runs."""

    problem: Problem


class HistoryUnread(Event, frozen=True, tag="history_unread"):
    """What was said before cannot be read: the message is answered without it."""

    problem: Problem


class DomainAsked(Event, frozen=True, tag="domain_asked"):
    """Two domains are as good as equally likely; the turn waits a while for its owner to choose."""

    route: Route
    """As it is if nobody does: `tied` names the two."""


class RouteChosen(Event, frozen=True, tag="route_chosen"):
    route: Route


class PassagesFound(Event, frozen=True, tag="passages_found"):
    """What the answer may rest on; in the prompt and in the answer they have their numbers here, from 1.

    Which of them the prompt has room for, PromptAssembled tells.
    """

    passages: tuple[Passage, ...]
    faults: tuple[str, ...] = ()
    """Why retrievers could not search, a sentence each: what they would have found is missing."""


class ModelChosen(Event, frozen=True, tag="model_chosen"):
    """The domain names several models; this one answers."""

    model: str
    preferred: str
    """What the domain names first. Another is taken where that would have to be loaded."""


class ModelWaiting(Event, frozen=True, tag="model_waiting"):
    """The model is not in memory, or at work for too many already: the turn stands in line."""

    model: str
    place: int
    """1 is next."""
    reason: str = ""
    """`gathering`: idle models are not swapped at once; `another loads`: one model is loaded at a time; `in use`: what
    has to go still answers; `running`: the model answers as many turns as it may."""


class ModelLoading(Event, frozen=True, tag="model_loading"):
    """The model is not resident; the engine is loading it."""

    model: str


class ContextTrimmed(Event, frozen=True, tag="context_trimmed"):
    """Not all fits into the model's context: the oldest turns, and passages that are too long, are left out."""

    turns: int
    passages: int
    context: int
    """Tokens that the model can hold."""
    shortened: int = 0
    """Passages of which only the best part fits."""


class CallsConsidered(Event, frozen=True, tag="calls_considered"):
    """Before it answers, a model that is held to a schema is asked which tool it wants called, if any."""

    model: str
    tools: int
    """How many are put to it."""


class PromptAssembled(Event, frozen=True, tag="prompt_assembled"):
    model: str
    ledger: Ledger
    passages: tuple[GivenPassage, ...] = ()
    """Those of the passages found that stand in the prompt."""


class PromptRefused(Event, frozen=True, tag="prompt_refused"):
    """The engine does not cut the prompt, and it is longer than the model's context: a shorter one follows, once."""

    tokens: int | None
    """How long it was, where the engine says so."""
    context: int
    """What the model can hold."""


class PromptOverran(Event, frozen=True, tag="prompt_overran"):
    """The engine counted more tokens than the prompt was to take, which was estimated too short.

    There is less room for the answer; or the engine has cut the prompt, of which it says nothing.
    """

    counted: int
    room: int
    """What the prompt was to take at most."""
    context: int
    """What the model can hold."""


class Thinking(Event, frozen=True, tag="thinking"):
    """A piece of what a thinking model says to itself before it answers."""

    text: str


class Token(Event, frozen=True, tag="token"):
    """A piece of the answer: all that arrived from the engine at once, one token or more."""

    text: str


class ToolCalled(Event, frozen=True, tag="tool_called"):
    """The model asks for a tool."""

    call: str
    """Names the call within the turn; what comes of it bears the same name."""
    tool: str
    arguments: dict[str, Any]


class ApprovalAsked(Event, frozen=True, tag="approval_asked"):
    """The call waits for somebody to allow it, and is denied if nobody does in time."""

    call: str
    tool: str
    arguments: dict[str, Any]
    seconds: float
    """How long it waits."""


class ApprovalAnswered(Event, frozen=True, tag="approval_answered"):
    call: str
    approved: bool
    by: str
    """Who said so; empty where nobody did in time."""


class ToolReturned(Event, frozen=True, tag="tool_returned"):
    """What came of a call, as the model is told it."""

    call: str
    tool: str
    outcome: ToolOutcome
    result: str
    """The result, or what is wrong."""
    seconds: float
    """What the call took, waiting for an approval not counted."""
    cut: bool = False
    """Whether the result was longer."""


class TurnFinished(Event, frozen=True, tag="turn_finished"):
    """The answer is complete and saved, or the turn was cancelled and what there was of it is saved."""

    usage: Usage | None
    """None where the engine did not come to count: the turn was cancelled, or no model was asked."""
    timings: Timings
    reason: str
    """Why it ended: the engine's `done_reason` (`stop`, `length`, ...), `cancelled`, or, in a domain that is to
    say so, `no_passages`: its documents hold nothing about the message, and `no_room`: none of what they hold fits
    into the model's context."""


class TurnFailed(Event, frozen=True, tag="turn_failed"):
    """The turn ended without a whole answer. What had come of it is saved."""

    problem: Problem


TurnEvent = (
    TurnStarted
    | TurnUnsaved
    | HistoryUnread
    | DomainAsked
    | RouteChosen
    | PassagesFound
    | ModelChosen
    | ModelWaiting
    | ModelLoading
    | ContextTrimmed
    | CallsConsidered
    | PromptAssembled
    | PromptRefused
    | PromptOverran
    | Thinking
    | Token
    | ToolCalled
    | ApprovalAsked
    | ApprovalAnswered
    | ToolReturned
    | TurnFinished
    | TurnFailed
)
