"""Two turns side by side, stage by stage: what is another in the second than it was in the first."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Literal

from msgspec import Struct

from mdsa_server.monitor.trace import SpanKind, Trace, time_by_kind
from mdsa_server.vocabulary.call_text import arguments_in_full, call_in_short
from mdsa_server.vocabulary.passages import Passage
from mdsa_server.vocabulary.routing import Evidence
from mdsa_server.vocabulary.tools import ToolRun
from mdsa_server.vocabulary.turn import Ledger, Turn

# Comparing takes time that grows with the square of these; longer answers are compared by lines.
MOST_WORDS = 2_000
# And with the pairs of equal words, of which an answer that repeats itself has very many: then words that are
# everywhere do not count.
MOST_PAIRS = 40_000

Value = str | int | float | None


class Compared(Struct, frozen=True):
    """One value in both turns; None where a turn has none."""

    name: str
    before: Value
    after: Value

    @property
    def changed(self) -> bool:
        return self.before != self.after


class ComparedEvidence(Struct, frozen=True):
    """What routers saw in one of the turns or in both."""

    evidence: Evidence
    mark: Literal["kept", "new", "gone"]


class ComparedCall(Struct, frozen=True):
    """A call of a tool in one of the turns, or in both with the same result."""

    call: ToolRun
    mark: Literal["kept", "new", "gone"]

    @property
    def brief(self) -> str:
        """The call in a line."""
        return call_in_short(self.call.tool, self.call.arguments)


class ComparedPassage(Struct, frozen=True):
    """A passage that was found for one of the turns or for both, and its numbers there."""

    passage: Passage
    before: int | None
    after: int | None
    given: tuple[bool, bool]
    """Whether the model was given it, then and now."""

    @property
    def mark(self) -> Literal["kept", "moved", "new", "gone"]:
        if self.before is None:
            return "new"
        if self.after is None:
            return "gone"
        return "kept" if self.before == self.after else "moved"


class Piece(Struct, frozen=True):
    """A piece of both answers, or of one of them."""

    mark: Literal["kept", "new", "gone"]
    text: str


class Differences(Struct, frozen=True, kw_only=True):
    """A turn, and another one after it."""

    route: tuple[Compared, ...]
    evidence: tuple[ComparedEvidence, ...]
    passages: tuple[ComparedPassage, ...]
    calls: tuple[ComparedCall, ...]
    prompt: tuple[Compared, ...]
    message: tuple[Piece, ...]
    answer: tuple[Piece, ...]
    times: tuple[Compared, ...]
    """In seconds, by kind of span; the last is the whole."""


def differences(before: Turn, after: Turn, traces: tuple[Trace, Trace]) -> Differences:
    """Compare two turns; `traces` are theirs, in the same order."""
    return Differences(
        route=tuple(_route(before, after)),
        evidence=tuple(_evidence(before, after)),
        passages=tuple(_passages(before, after)),
        calls=tuple(_calls(before, after)),
        prompt=tuple(_prompt(before, after)),
        message=compared_words(before.message, after.message),
        answer=compared_words(before.answer, after.answer),
        times=tuple(_times(*traces)),
    )


def compared_words(before: str, after: str) -> tuple[Piece, ...]:
    """Tell word by word what is gone and what is new; what stands between two words goes with the later one."""
    words = [re.findall(r"\s*\S+", text) for text in (before, after)]
    if max(map(len, words)) > MOST_WORDS:
        words = [text.splitlines(keepends=True) for text in (before, after)]
    old, new = words
    bare_old, bare_new = ([word.strip() for word in side] for side in words)
    matcher = SequenceMatcher(None, bare_old, bare_new, autojunk=_equal_pairs(bare_old, bare_new) > MOST_PAIRS)
    pieces: list[Piece] = []
    for tag, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        if tag == "equal":
            pieces.append(Piece("kept", "".join(new[new_start:new_end])))
            continue
        gone, come = "".join(old[old_start:old_end]), "".join(new[new_start:new_end])
        pieces += [Piece("gone", gone)] if gone else []
        pieces += [Piece("new", come)] if come else []
    return tuple(pieces)


def _equal_pairs(old: list[str], new: list[str]) -> int:
    counts = Counter(old)
    return sum(counts[word] for word in new)


def _route(before: Turn, after: Turn) -> Iterator[Compared]:
    yield Compared("domain", before.domain, after.domain)
    for name, part in ROUTE_PARTS.items():
        yield Compared(name, *(getattr(turn.route, part) if turn.route else None for turn in (before, after)))


def _evidence(before: Turn, after: Turn) -> Iterator[ComparedEvidence]:
    old = before.route.evidence if before.route else ()
    new = after.route.evidence if after.route else ()
    seen = {_sight(item) for item in old}
    yield from (ComparedEvidence(item, "kept" if _sight(item) in seen else "new") for item in new)
    seen = {_sight(item) for item in new}
    yield from (ComparedEvidence(item, "gone") for item in old if _sight(item) not in seen)


def _sight(item: Evidence) -> tuple[str, str, str | None]:
    """Tell evidence apart without its weight, which may be a little another each time."""
    return item.kind, item.text, item.domain


def _passages(before: Turn, after: Turn) -> Iterator[ComparedPassage]:
    """Tell passages apart by source and text: a document that was taken in anew has another id, and other places."""
    old, new = _numbered(before), _numbered(after)
    given = [frozenset(one.number for one in turn.given) for turn in (before, after)]
    for key in (*new, *(key for key in old if key not in new)):
        was, number = old.get(key, (None, None))[1], new.get(key, (None, None))[1]
        passage = (new.get(key) or old[key])[0]
        yield ComparedPassage(passage, was, number, (was in given[0], number in given[1]))


def _numbered(turn: Turn) -> dict[tuple[str, str], tuple[Passage, int]]:
    found: dict[tuple[str, str], tuple[Passage, int]] = {}
    for number, passage in enumerate(turn.passages, start=1):
        found.setdefault((passage.source, passage.text), (passage, number))
    return found


def _calls(before: Turn, after: Turn) -> Iterator[ComparedCall]:
    """Tell calls apart by what was called, with what, and what came of it; in the order of the later turn."""
    old, new = ([_made(run) for run in turn.tool_runs] for turn in (before, after))
    yield from (ComparedCall(run, "kept" if _made(run) in old else "new") for run in after.tool_runs)
    yield from (ComparedCall(run, "gone") for run in before.tool_runs if _made(run) not in new)


def _made(run: ToolRun) -> tuple[str, str, str | None, str]:
    return run.tool, arguments_in_full(run.arguments), run.outcome, run.result


def _prompt(before: Turn, after: Turn) -> Iterator[Compared]:
    yield Compared("model", before.model, after.model)
    for name, part in LEDGER_PARTS.items():
        values = [getattr(turn.ledger, part) if turn.ledger else None for turn in (before, after)]
        if any(values):
            yield Compared(name, *values)
    for name, part in USAGE_PARTS.items():
        yield Compared(name, *(getattr(turn.usage, part) if turn.usage else None for turn in (before, after)))


ROUTE_PARTS = {
    "confidence": "confidence",
    "asked of it": "threshold",
    "decided by": "router",
    "because": "reason",
    "out of scope": "out_of_scope",
}
USAGE_PARTS = {"read, as the engine counts": "prompt_tokens", "written": "answer_tokens"}
LEDGER_PARTS = {
    "instructions": "instructions",
    "history": "history",
    "passages": "passages",
    "question": "question",
    "tools": "tools",
    "results of tools": "tool_results",
    "kept for the answer": "reserve",
    "context": "context",
    "turns left out": "dropped_turns",
    "passages left out": "dropped_passages",
    "tools left out": "dropped_tools",
}
"""What a ledger counts, in words, by the names it has there."""

PROMPT_PARTS: Sequence[str] = ("instructions", "history", "passages", "question", "tools", "results of tools")
"""Those of them that a prompt is made of."""


def prompt_tokens(ledger: Ledger) -> int:
    """Give how long a prompt was estimated to be."""
    return sum(getattr(ledger, LEDGER_PARTS[part]) for part in PROMPT_PARTS)


def _times(before: Trace, after: Trace) -> Iterator[Compared]:
    old, new = time_by_kind(before), time_by_kind(after)
    kinds: dict[SpanKind, None] = dict.fromkeys((*new, *old))
    yield from (Compared(kind, old.get(kind), new.get(kind)) for kind in kinds)
    yield Compared("in all", before.seconds, after.seconds)
