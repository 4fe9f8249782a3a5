"""A turn's answer as the chat page shows it: finished, or as far as it has come."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from markupsafe import Markup
from msgspec.structs import replace

from mdsa_server.vocabulary.citations import cited
from mdsa_server.vocabulary.events import (
    ApprovalAnswered,
    ApprovalAsked,
    CallsConsidered,
    DomainAsked,
    ModelChosen,
    ModelLoading,
    ModelWaiting,
    PassagesFound,
    PromptAssembled,
    RouteChosen,
    Thinking,
    Token,
    ToolCalled,
    ToolReturned,
    TurnEvent,
    TurnFailed,
    TurnFinished,
)
from mdsa_server.vocabulary.passages import Passage
from mdsa_server.vocabulary.replay import told
from mdsa_server.vocabulary.stopwatch import Stopwatch, stopped
from mdsa_server.vocabulary.turn import Turn
from mdsa_server.web.markdown import Citable, GrowingMarkdown, render_markdown
from mdsa_server.web.pages.call_view import CallView, calls_of, names_of


class Source(NamedTuple):
    """A passage that the model was given."""

    number: int
    passage: Passage
    cited: bool


@dataclass(frozen=True)
class AnswerView:
    """What `fragments/answer.html` needs of a turn."""

    turn: Turn
    html: Markup
    doing: str = ""
    """What the server does now, in words; empty while text comes, and at the end."""
    seconds: float = 0.0
    """How long it has run, while it does."""

    @property
    def running(self) -> bool:
        return self.turn.outcome == "running"

    @property
    def calls(self) -> list[CallView]:
        """The calls of tools, in the order in which the model asked for them."""
        return calls_of(self.turn, self.seconds)

    @property
    def announcement(self) -> str:
        """What is told to those who do not see the page: what the server does, or what it waits for."""
        waiting = self.turn.needs.calls if self.turn.needs else ()
        return self.doing or (f"{names_of(waiting)} waits for your yes" if waiting else "")

    @property
    def sources(self) -> list[Source]:
        """The passages as the model was given them, by their numbers; what did not fit is not among them."""
        used = cited(self.turn.answer, _numbers(self.turn))
        return [Source(one.number, one.of(self.turn.passages), one.number in used) for one in self.turn.given]

    @property
    def tokens_per_second(self) -> float | None:
        """How fast the answer came, from its first token on; None where there is nothing to measure.

        What a model says may be told before its calls are made: then the time was not the answer's alone.
        """
        usage, timings = self.turn.usage, self.turn.timings
        if self.turn.tool_runs or not usage or usage.answer_tokens < 2 or not timings or timings.first_token is None:
            return None
        spent = timings.total - timings.first_token
        return (usage.answer_tokens - 1) / spent if spent > 0 else None


def finished_answer(turn: Turn) -> AnswerView:
    """Show a turn that has ended."""
    return AnswerView(turn, render_markdown(turn.answer, _citable(turn)))


class GrowingAnswer:
    """A live turn, told event by event, and shown as often as one likes at little cost."""

    def __init__(self, turn: Turn, clock: Stopwatch = stopped) -> None:
        self._turn = turn
        self._clock = clock
        self._answer = GrowingMarkdown()
        self._thinking: list[str] = []
        self._doing = "Choosing a domain"

    def tell(self, events: Iterable[TurnEvent]) -> None:
        for event in events:
            match event:
                case Token(text=text):
                    self._answer.grow(text)
                    self._doing = ""
                case Thinking(text=text):
                    self._thinking.append(text)
                    self._doing = "Thinking"
                case TurnFinished() | TurnFailed():
                    pass  # The end is shown by finished_answer, from the turn as it was saved.
                case _:
                    self._turn = told(self._turn, [event])
                    self._answer.citable = _citable(self._turn)
                    self._doing = _doing(event, self._turn, self._doing)

    @property
    def waits(self) -> bool:
        """Whether it stands still until its owner says something, or has not in time."""
        return self._turn.needs is not None

    def view(self) -> AnswerView:
        if self._thinking:
            self._thinking = ["".join(self._thinking)]
            self._turn = replace(self._turn, thinking=self._thinking[0])
        return AnswerView(self._turn, self._answer.html(), self._doing, self._clock())


def _numbers(turn: Turn) -> frozenset[int]:
    """Give the numbers of the passages that the model was given: none, until its prompt was made."""
    return frozenset(one.number for one in turn.given)


def _citable(turn: Turn) -> Citable:
    return Citable(_numbers(turn), f"source-{turn.id}-")


def _doing(event: TurnEvent, turn: Turn, before: str) -> str:
    match event:
        case DomainAsked():
            return ""
        case ToolCalled() | ApprovalAsked() | ApprovalAnswered() | ToolReturned():
            running = [run for run in turn.tool_runs if run.outcome is None and run.approval != "asked"]
            return f"Calling {names_of(running)}" if running else ""
        case RouteChosen(route=route):
            return f"Preparing {route.domain}"
        case PassagesFound(passages=passages) if passages:
            return f"Reading {len(passages)} passages"
        case ModelChosen(model=model, preferred=preferred) if model != preferred:
            return f"Taking {model}, which is in memory, rather than {preferred}"
        case ModelWaiting(model=model, place=place):
            return f"Waiting for {model}, {'next' if place == 1 else f'number {place}'} in line"
        case ModelLoading(model=model):
            return f"Loading {model}"
        case CallsConsidered(model=model, tools=tools):
            return f"{model} is choosing among {tools} tools" if tools > 1 else f"{model} is looking at a tool"
        case PromptAssembled(model=model):
            return f"{model} is reading"
        case _:
            return before
