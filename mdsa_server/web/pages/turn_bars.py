"""A turn's time and its model's context as bars: where each part begins, and how long it is, on a scale of 1,000."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mdsa_server.monitor.differences import LEDGER_PARTS, PROMPT_PARTS, prompt_tokens
from mdsa_server.monitor.trace import Span, SpanKind, Trace
from mdsa_server.vocabulary.call_text import printable
from mdsa_server.vocabulary.turn import Ledger

SCALE = 1_000
# What is shorter would not be seen.
LEAST = 3.0

STAGES: dict[SpanKind, str] = {
    "begin": "Read what was said",
    "route": "Choose a domain",
    "embed": "Embed the message",
    "asked": "Wait for your choice",
    "retrieve": "Find passages",
    "prepare": "Prepare",
    "wait": "Wait in line",
    "load": "Load the model",
    "decide": "Choose a tool",
    "prompt": "Read the prompt",
    "think": "Think",
    "generate": "Write the answer",
    "tools": "Call tools",
    "call": "Call",
    "approval": "Wait for a yes",
}
"""What a turn does in each kind of span, in words."""


class Lane(NamedTuple):
    """One span in a line of its own."""

    kind: SpanKind
    stage: str
    name: str
    """Of what; empty where the stage says it all."""
    depth: int
    """How many spans it is a part of."""
    x: float
    width: float
    start: float
    """Seconds from the turn's beginning."""
    seconds: float


class Share(NamedTuple):
    """A part of a context."""

    name: str
    """Also what it is styled by."""
    tokens: int
    x: float
    width: float


def lanes_of(trace: Trace) -> list[Lane]:
    """Give a line for each span, those within it below it."""
    whole = trace.seconds or 1.0

    def lanes(spans: Iterable[Span], depth: int) -> Iterator[Lane]:
        for span in spans:
            width = max(span.seconds / whole * SCALE, LEAST)
            x = min(span.start / whole * SCALE, SCALE - width)
            stage = printable(span.name) if span.kind == "call" else STAGES[span.kind]
            name = span.name if span.kind in ("wait", "load", "decide", "prompt") else ""
            yield Lane(span.kind, stage, name, depth, round(x, 1), round(width, 1), span.start, span.seconds)
            yield from lanes(span.parts, depth + 1)

    return list(lanes(trace.spans, 0))


def ticks_of(trace: Trace) -> list[float]:
    """Give the times at the quarters of the scale, in seconds."""
    return [trace.seconds * quarter / 4 for quarter in range(5)]


def shares_of(ledger: Ledger) -> list[Share]:
    """Give the parts of a context that take any of it, and what of it is free."""
    parts = [(name, int(getattr(ledger, LEDGER_PARTS[name]))) for name in PROMPT_PARTS]
    free = ledger.context - prompt_tokens(ledger) - ledger.reserve
    parts += [("kept for the answer", ledger.reserve), ("free", free)]
    parts = [(name, tokens) for name, tokens in parts if tokens > 0]
    whole = sum(tokens for _, tokens in parts) or 1
    shares: list[Share] = []
    x = 0.0
    for name, tokens in parts:
        width = tokens / whole * SCALE
        shares.append(Share(name, tokens, round(x, 1), round(width, 1)))
        x += width
    return shares


def exactly(seconds: float) -> str:
    """Write a time to a tenth of a millisecond, from a second on to a millisecond: `0.4 ms`, `1.234 s`."""
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:,.3f} s"
