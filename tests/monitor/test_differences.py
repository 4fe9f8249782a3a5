"""Two turns are compared stage by stage."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.monitor.differences import Piece, compared_words, differences
from mdsa_server.monitor.trace import Span, Trace
from mdsa_server.vocabulary.passages import GivenPassage, Passage
from mdsa_server.vocabulary.routing import Evidence, Route
from mdsa_server.vocabulary.tools import ToolRun
from mdsa_server.vocabulary.turn import Ledger, Turn, Usage

KEYWORD = Evidence("keyword", "python", "code", 0.5)
EXAMPLE = Evidence("example", "a list", "code", 0.7)


def turn(**fields: Any) -> Turn:
    return Turn(id="t", conversation="c", parent=None, message="m", started=datetime.now(UTC), **fields)


def trace(**seconds: float) -> Trace:
    spans: list[Span] = []
    for kind, length in seconds.items():
        start = spans[-1].end if spans else 0.0
        spans.append(Span(kind=kind, start=start, end=start + length))  # type: ignore[arg-type]  # a kind's name
    return Trace(seconds=sum(seconds.values()), ended=True, whole=True, spans=tuple(spans))


def passages(*texts: str) -> tuple[Passage, ...]:
    return tuple(Passage(text=text, source="s.md") for text in texts)


def test_routes_are_compared_with_their_evidence() -> None:
    before = turn(domain="code", route=Route(domain="code", confidence=0.9, router="r", evidence=(KEYWORD,)))
    again = Evidence("keyword", "python", "code", 0.6)
    after = turn(domain="code", route=Route(domain="code", confidence=0.7, router="r", evidence=(again, EXAMPLE)))
    found = differences(before, after, (trace(), trace()))

    assert [one.name for one in found.route if one.changed] == ["confidence"]
    assert [(one.evidence.text, one.mark) for one in found.evidence] == [("python", "kept"), ("a list", "new")]
    back = differences(after, before, (trace(), trace()))
    assert [(one.evidence.text, one.mark) for one in back.evidence] == [("python", "kept"), ("a list", "gone")]


def test_calls_of_tools_are_kept_new_or_gone() -> None:
    def call(days: int) -> ToolRun:
        return ToolRun(
            call="1", tool="add_days", arguments={"days": days}, outcome="returned", result=f"in {days} days"
        )

    before, after = turn(tool_runs=(call(1), call(6))), turn(tool_runs=(call(1), call(8)))
    found = differences(before, after, (trace(), trace())).calls
    assert [(one.brief, one.mark) for one in found] == [
        ("add_days(days=1)", "kept"),
        ("add_days(days=8)", "new"),
        ("add_days(days=6)", "gone"),
    ]


def test_passages_are_kept_moved_new_or_gone() -> None:
    before = turn(passages=passages("a", "b", "c"), given=(GivenPassage(number=1), GivenPassage(number=3)))
    after = turn(passages=passages("a", "c", "d"), given=(GivenPassage(number=1), GivenPassage(number=2)))
    found = differences(before, after, (trace(), trace())).passages

    assert [(one.passage.text, one.mark, one.before, one.after) for one in found] == [
        ("a", "kept", 1, 1),
        ("c", "moved", 3, 2),
        ("d", "new", None, 3),
        ("b", "gone", 2, None),
    ]
    assert [one.given for one in found] == [(True, True), (True, True), (False, False), (False, False)]


def test_prompts_and_times_stand_side_by_side() -> None:
    small = Ledger(context=100, instructions=5, history=0, passages=10, question=2, reserve=20)
    before = turn(ledger=small, usage=Usage(prompt_tokens=17, answer_tokens=3))
    found = differences(before, turn(), (trace(route=1.0, load=2.0), trace(route=0.5, generate=1.0)))

    prompt = {one.name: (one.before, one.after) for one in found.prompt}
    assert prompt["passages"] == (10, None)
    assert "history" not in prompt
    assert prompt["read, as the engine counts"] == (17, None)
    assert {one.name: (one.before, one.after) for one in found.times} == {
        "route": (1.0, 0.5),
        "generate": (None, 1.0),
        "load": (2.0, None),
        "in all": (3.0, 1.5),
    }


def test_answers_are_compared_word_by_word() -> None:
    assert compared_words("The cat sat.", "The black cat  sat down.") == (
        Piece("kept", "The"),
        Piece("new", " black"),
        Piece("kept", " cat"),
        Piece("gone", " sat."),
        Piece("new", "  sat down."),
    )
    assert compared_words("the same", "the same") == (Piece("kept", "the same"),)
    assert compared_words("", "") == ()


@given(st.text("ab \n", max_size=40), st.text("ab \n", max_size=40))
def test_what_is_kept_and_what_is_new_are_the_later_text(before: str, after: str) -> None:
    pieces = compared_words(before, after)
    assert "".join(piece.text for piece in pieces if piece.mark != "gone").rstrip() == after.rstrip()
    words = "".join(f"{piece.text} " if piece.mark != "new" else " " for piece in pieces).split()
    assert words == before.split()


@pytest.mark.parametrize("words", [1_900, 30_000])
def test_long_answers_that_have_little_in_common_are_compared_in_time(words: int) -> None:
    began = time.monotonic()
    compared_words(" ".join(f"a{n % 7}" for n in range(words)), " ".join(f"a{n % 5}" for n in range(words)))
    assert time.monotonic() - began < 10
