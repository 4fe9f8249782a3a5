"""A turn: one user message and all that happens until its answer is complete."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from mdsa_server.vocabulary.passages import GivenPassage, Passage
from mdsa_server.vocabulary.problem import Problem
from mdsa_server.vocabulary.routing import Candidate, Route
from mdsa_server.vocabulary.tools import ToolRun

Outcome = Literal["running", "answered", "failed", "cancelled"]


class Usage(Struct, frozen=True, kw_only=True):
    """Tokens of one turn, as the engine counted them."""

    prompt_tokens: int = 0
    answer_tokens: int = 0


class Timings(Struct, frozen=True, kw_only=True):
    """Where a turn's time went, in seconds from its start unless said otherwise."""

    total: float
    first_token: float | None = None
    route: float = 0.0
    """Spent deciding the domain."""
    load: float = 0.0
    """Spent waiting while the model was loaded."""


class Ledger(Struct, frozen=True, kw_only=True):
    """Where the context went, in estimated tokens, and what had to be left out."""

    context: int
    """What the model can hold."""
    instructions: int
    history: int
    passages: int
    question: int
    tools: int = 0
    """The descriptions of the tools on offer."""
    tool_results: int = 0
    """Calls of tools, and what they gave."""
    reserve: int
    """Kept free for the answer."""
    dropped_turns: int = 0
    """Oldest turns left out of the prompt."""
    dropped_passages: int = 0
    dropped_tools: int = 0
    """Tools that the domain names and that were not offered: those least like the message, or too long to fit."""
    counted: int | None = None
    """Tokens of the prompt, where the engine counted more than it was to take: it may have been cut."""
    shortened_passages: int = 0
    """Joined passages of which only a part is in the prompt."""


class Needs(Struct, frozen=True, kw_only=True):
    """What a turn waits for from its owner."""

    kind: Literal["domain", "approval"] = "domain"
    candidates: tuple[Candidate, ...] = ()
    """The domains to choose from, the likelier first."""
    calls: tuple[ToolRun, ...] = ()
    """The calls of tools that wait to be allowed."""


class TurnSummary(Struct, frozen=True, kw_only=True):
    """A turn as a list shows it."""

    id: str
    conversation: str
    message: str
    """Its beginning, where it is long."""
    started: datetime
    outcome: Outcome
    domain: str | None
    model: str | None
    seconds: float | None
    """What it took in all; None while it runs, and where the server ended before it did."""
    prompt_tokens: int | None
    """None where the engine did not come to count, as for `answer_tokens`."""
    answer_tokens: int | None


class Turn(Struct, frozen=True, kw_only=True):
    """One turn as the store keeps it."""

    id: str
    conversation: str
    parent: str | None
    message: str
    started: datetime
    outcome: Outcome = "running"
    answer: str = ""
    thinking: str = ""
    """What a thinking model said to itself before it answered."""
    domain: str | None = None
    model: str | None = None
    route: Route | None = None
    passages: tuple[Passage, ...] = ()
    """What was found for it; `[1]` in the answer is the first."""
    given: tuple[GivenPassage, ...] = ()
    """Those of them that the model was given."""
    retrieval_faults: tuple[str, ...] = ()
    """Why some could not be searched for."""
    tool_runs: tuple[ToolRun, ...] = ()
    """The tools that were called, in the order in which they were asked for."""
    ledger: Ledger | None = None
    usage: Usage | None = None
    """None until the engine has counted, which it does at an answer's end."""
    timings: Timings | None = None
    reason: str = ""
    """Why the answer ended, as in TurnFinished; empty while it runs and where the turn failed."""
    needs: Needs | None = None
    """None while it waits for nothing of its owner's."""
    problem: Problem | None = None
    unsaved: Problem | None = None
    """Why it is not saved yet; it is lost if the server ends before it is."""
    history_problem: Problem | None = None
    """Why it was answered without what was said before."""
