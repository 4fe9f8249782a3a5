"""Where a turn's time went: spans, made of its events and of nothing else."""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from mdsa_server.vocabulary.events import (
    ApprovalAnswered,
    ApprovalAsked,
    CallsConsidered,
    DomainAsked,
    ModelLoading,
    ModelWaiting,
    PassagesFound,
    PromptAssembled,
    PromptRefused,
    RouteChosen,
    Thinking,
    Token,
    ToolCalled,
    ToolReturned,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnStarted,
)
from mdsa_server.vocabulary.routing import Route

SpanKind = Literal[
    "begin", "route", "embed", "asked", "retrieve", "prepare", "wait", "load", "decide", "prompt", "think", "generate",
    "tools", "call", "approval",
]  # fmt: skip
"""`begin`: what was said before is read; `route`: a domain is chosen, and in it `embed`: the message's vector is made;
`asked`: the user is asked which domain is meant; `retrieve`: passages are searched for; `prepare`: what comes between,
where nothing is told: a model is admitted, a prompt put together; `wait`: in line for the model; `load`: it is loaded;
`decide`: it is asked which tool it wants called; `prompt`: it reads, until the first of its text; `think` and
`generate`: that comes; `tools`: a round of calls, and in it each `call`, and in that the `approval` that it waits
for."""


class Span(Struct, frozen=True, kw_only=True):
    """A stretch of a turn, in seconds from its beginning."""

    kind: SpanKind
    start: float
    end: float
    name: str = ""
    """Of what, where that has a name: the model, the tool."""
    parts: tuple["Span", ...] = ()
    """What is known of it in detail, in the order in which it began; calls go on side by side."""

    @property
    def seconds(self) -> float:
        return self.end - self.start


class Trace(Struct, frozen=True, kw_only=True):
    """A turn's time from its beginning to its end, or as far as it has come: one span after the other."""

    seconds: float
    ended: bool
    whole: bool
    """Whether its events were kept from the beginning; of an old turn only the last is, and there are no spans."""
    spans: tuple[Span, ...] = ()


class _Open:
    """A span that has begun."""

    def __init__(self, kind: SpanKind, start: float, name: str = "") -> None:
        self.kind, self.start, self.name = kind, start, name
        self.parts: list[Span] = []


class _Tracing:
    """Goes along a turn's events; time never goes back, whatever they say."""

    def __init__(self) -> None:
        self.now = 0.0
        self.spans: list[Span] = []
        self._open = _Open("begin", 0.0)
        self._calls: dict[str, _Open] = {}
        self._approvals: dict[str, float] = {}

    def tell(self, event: TurnEvent) -> None:
        self.now = max(self.now, event.at)
        match event:
            case DomainAsked(route=route):
                self._routed(route)
                self._begin("asked")
            case RouteChosen(route=route):
                if self._open.kind != "asked":
                    self._routed(route)
                self._begin("prepare")
            case PassagesFound():
                if self._open.kind == "prepare":
                    self._open.kind = "retrieve"
                self._begin("prepare")
            case ModelWaiting(model=model):
                self._begin("wait", model)
            case ModelLoading(model=model):
                self._begin("load", model)
            case CallsConsidered(model=model):
                self._begin("decide", model)
            case PromptAssembled(model=model):
                self._begin("prompt", model)
            case PromptRefused():
                self._begin("prepare")
            case Thinking():
                self._begin("think", self._open.name)
            case Token():
                self._begin("generate", self._open.name)
            case ToolCalled(call=call, tool=tool):
                self._begin("tools")
                self._calls[call] = _Open("call", self.now, tool)
            case ApprovalAsked(call=call):
                self._approvals[call] = self.now
            case ApprovalAnswered(call=call):
                self._answered(call)
            case ToolReturned(call=call):
                self._returned(call)
                if self._open.kind == "tools" and not self._calls:
                    self._begin("prepare")

    def close(self, now: float) -> None:
        """Close what is open."""
        self.now = max(self.now, now)
        self._return_all()
        self._end(self._open, self.now)

    def _begin(self, kind: SpanKind, name: str = "") -> None:
        """Close the open span and open another, unless it is the same."""
        before = self._open
        if (before.kind, before.name) == (kind, name):
            return
        self._return_all()
        self._end(before, self.now)
        self._open = _Open(kind, self.now, name)

    def _end(self, span: _Open, end: float) -> None:
        if end > span.start:
            parts = tuple(sorted(span.parts, key=lambda part: (part.start, part.end)))
            self.spans.append(Span(kind=span.kind, name=span.name, start=span.start, end=end, parts=parts))

    def _routed(self, route: Route) -> None:
        """Tell from how long deciding took when it began; its vector is wanted first of all."""
        self._return_all()
        start = max(self._open.start, self.now - max(route.seconds, 0.0), *(part.end for part in self._open.parts))
        self._end(self._open, start)
        self._open = _Open("route", start)
        embedded = min(start + max(route.embedding_seconds, 0.0), self.now)
        if embedded > start:
            self._open.parts.append(Span(kind="embed", start=start, end=embedded))

    def _answered(self, call: str) -> None:
        asked = self._approvals.pop(call, None)
        if asked is not None and call in self._calls:
            self._calls[call].parts.append(Span(kind="approval", start=asked, end=self.now))

    def _return_all(self) -> None:
        for call in list(self._calls):
            self._returned(call)

    def _returned(self, call: str) -> None:
        self._answered(call)
        called = self._calls.pop(call, None)
        if called is not None:
            self._open.parts.append(
                Span(kind="call", name=called.name, start=called.start, end=self.now, parts=tuple(called.parts))
            )


def trace_of(events: Iterable[TurnEvent], now: float = 0.0) -> Trace:
    """Make the spans of a turn from its events so far; `now` is how long a running one has run.

    What an engine loads unasked is part of `prompt`: no event tells when that ends.
    """
    told = list(events)
    ended = bool(told) and isinstance(told[-1], TurnFinished | TurnFailed)
    if not told or not isinstance(told[0], TurnStarted):
        return Trace(seconds=told[-1].at if ended else now, ended=ended, whole=not ended)
    tracing = _Tracing()
    for event in told:
        tracing.tell(event)
    tracing.close(0.0 if ended else now)
    return Trace(seconds=tracing.now, ended=ended, whole=True, spans=tuple(tracing.spans))


def time_by_kind(trace: Trace) -> dict[SpanKind, float]:
    """Add up the seconds of each kind of span, those within others apart, in the order in which they first come."""
    totals: dict[SpanKind, float] = {}

    def add(spans: Iterable[Span]) -> None:
        for span in spans:
            totals[span.kind] = totals.get(span.kind, 0.0) + span.seconds
            add(span.parts)

    add(trace.spans)
    return totals
