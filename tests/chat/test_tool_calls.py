"""A call of a tool ends in a result or a clear word, whatever the tool does."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.chat.tool_calls import ToolResult, bounded, run_tool
from mdsa_server.plugin_api import PluginFault, Tool, ToolCall, ToolRefused
from mdsa_server.vocabulary.tools import Approval, ToolPolicy, may_overlap, named
from tests.chat.conftest import GENERAL, Offering

CALL = ToolCall(domain=GENERAL, caller="local", conversation=None)


async def run(function: Callable[..., Any], arguments: dict[str, Any] | None = None, **policy: Any) -> ToolResult:
    bounds = ToolPolicy(**policy)
    return bounded(await run_tool(Offering(), Tool(function), arguments or {}, CALL, bounds), bounds.max_result_chars)


async def test_text_is_given_as_it_is_and_all_else_as_json() -> None:
    def text() -> str:
        """Say it."""
        return "It is so."

    async def facts() -> dict[str, Any]:
        """Tell facts."""
        return {"city": "Tōkyō", "degrees": 21}

    assert await run(text) == ToolResult("returned", "It is so.")
    assert await run(facts) == ToolResult("returned", '{"city":"Tōkyō","degrees":21}')


async def test_arguments_are_checked_by_the_functions_types_and_the_model_is_told_where() -> None:
    def double(number: int) -> int:
        """Double a number."""
        return 2 * number

    assert (await run(double, {"number": "21"})).text == "42", "small models quote numbers"
    wrong = await run(double, {"number": "many"})
    assert wrong.outcome == "invalid"
    assert "number" in wrong.text
    assert (await run(double, {"nummer": 3})).outcome == "invalid"


async def test_what_a_tool_refuses_is_told_with_its_mend_and_what_it_raises_as_a_failure() -> None:
    def refuse() -> str:
        """Refuse."""
        raise ToolRefused("there is no such city", "Name a large one.")

    def break_down() -> str:
        """Break down."""
        raise RuntimeError("broken")

    def stop() -> str:
        """Stop."""
        raise StopIteration

    assert await run(refuse) == ToolResult("refused", "there is no such city. Name a large one.")
    assert (await run(break_down)).outcome == "failed"
    assert (await run(stop)).outcome == "failed"


async def test_a_sync_tool_that_hangs_is_abandoned_and_the_loop_goes_on_meanwhile() -> None:
    def hang() -> str:
        """Hang."""
        time.sleep(5)
        return "too late"

    began = time.monotonic()
    beats = asyncio.create_task(count_beats())
    assert (await run(hang, timeout=0.3)).outcome == "failed"
    assert time.monotonic() - began < 3
    assert await beats > 3


async def count_beats() -> int:
    beats, end = 0, time.monotonic() + 0.2
    while time.monotonic() < end:
        await asyncio.sleep(0.01)
        beats += 1
    return beats


async def test_a_long_result_is_cut_and_says_so() -> None:
    def tell_all() -> str:
        """Tell all."""
        return "x" * 50_000_000

    result = await run(tell_all, max_result_chars=1000)
    assert result.cut
    assert result.text == "x" * 1000 + "\n[cut: 50,000,000 characters in all]"


@given(st.text(), st.integers(0, 30), st.integers(0, 30))
def test_a_result_is_cut_within_both_bounds_and_says_how_long_it_was(text: str, chars: int, most_bytes: int) -> None:
    text = text.encode("utf-8", "ignore").decode()
    result = bounded(
        ToolResult("refused", text), chars, lambda part: part.encode()[:most_bytes].decode(errors="ignore")
    )
    kept, _, note = result.text.rpartition("\n[cut: ") if result.cut else (result.text, "", "")
    assert len(kept) <= chars
    assert len(kept.encode()) <= most_bytes
    assert text.startswith(kept)
    assert result.cut == (kept != text)
    assert not result.cut or note == f"{len(text):,} characters in all]"


async def test_what_is_neither_text_nor_json_is_a_failure_that_names_its_type() -> None:
    def give_object() -> object:
        """Give an object."""
        return object()

    def nest() -> list[Any]:
        """Nest for ever."""
        ring: list[Any] = []
        ring.append(ring)
        return ring

    failed = await run(give_object)
    assert failed.outcome == "failed"
    assert "object" in failed.text
    assert (await run(nest)).outcome == "failed"


async def test_text_that_no_encoding_knows_is_made_readable() -> None:
    def half() -> str:
        """Give half a character."""
        return "\ud800"

    assert (await run(half)).text == "?"


async def test_what_a_tool_refuses_in_text_that_no_encoding_knows_is_made_readable_too() -> None:
    def refuse() -> str:
        """Refuse."""
        raise ToolRefused("no \ud800", "Try \udfff.")

    assert await run(refuse) == ToolResult("refused", "no ?. Try ?.")
    assert bounded(ToolResult("invalid", "\ud800" * 9), 5, lambda text: text.encode()[:3].decode()).text.startswith(
        "???"
    )


class Shop(msgspec.Struct):
    """A parameter whose own check breaks."""

    city: str

    def __post_init__(self) -> None:
        raise KeyError(self.city)


async def test_what_breaks_while_arguments_are_checked_is_a_failure_that_counts_against_the_plugin() -> None:
    def visit(shop: Shop) -> str:
        """Visit a shop."""
        return "bought"

    class Counting(Offering):
        counted = 0

        async def call(self, *args: Any, **options: Any) -> Any:
            self.counted += 1
            return await super().call(*args, **options)

    offers = Counting()
    came = await run_tool(offers, Tool(visit), {"shop": {"city": "Lisbon"}}, CALL, ToolPolicy())
    assert (came.outcome, came.text) == ("failed", "The tool cannot be called: KeyError: 'Lisbon'")
    assert offers.counted == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
async def test_a_tool_that_forks_answers_once_and_its_child_ends() -> None:
    children: list[int] = []

    def fork() -> str:
        """Fork."""
        child = os.fork()
        children.append(child)
        return "parent" if child else "child"

    assert (await run(fork)).text == "parent"
    assert await asyncio.wait_for(asyncio.to_thread(os.waitpid, children[0], 0), 5) == (children[0], 0)


def test_parameters_that_json_cannot_carry_are_the_plugins_fault_at_once() -> None:
    def open_door(key: object) -> str:
        """Open a door."""
        return "open"

    with pytest.raises(PluginFault, match=r"'open_door'.*'object'"):
        Tool(open_door)


def test_tools_with_effects_are_asked_for_unless_something_is_said_of_them() -> None:
    policy = ToolPolicy(approvals={"mcp.*": "ask", "mcp.files.*": "deny", "mcp.files.read": "auto"})
    assert (policy.approval("now", effects=False), policy.approval("send", effects=True)) == ("auto", "ask")
    assert policy.approval("mcp.time.now", effects=False) == "ask"
    assert policy.approval("mcp.files.write", effects=False) == "deny"
    assert policy.approval("mcp.files.read", effects=True) == "auto"


@pytest.mark.parametrize(
    ("approvals", "approval"),
    [
        ({"mcp.[a-z].read": "auto", "mcp.x.read": "deny"}, "deny"),
        ({"mcp.x.r[e][a][d]": "auto", "mcp.x.*": "deny"}, "auto"),
        ({"*[a-z][a-z][a-z][a-z]": "auto", "mcp.*": "ask"}, "ask"),
        ({"mcp.x.*": "auto", "mcp.x.rea?": "ask", "mcp.x.rea*": "deny"}, "deny"),
        ({"*.read": "auto", "*": "ask"}, "ask"),
        ({"mcp.x.????": "auto", "mcp.x.*": "deny"}, "deny"),
    ],
)
def test_of_several_patterns_the_name_counts_then_the_longest_beginning_then_the_strictest(
    approvals: dict[str, Approval], approval: Approval
) -> None:
    for given_in in (approvals, dict(reversed(approvals.items()))):
        assert ToolPolicy(approvals=given_in).approval("mcp.x.read", effects=False) == approval


def test_a_domain_names_tools_by_name_or_pattern() -> None:
    patterns = ("now", "mcp.files.*")
    assert named("now", patterns)
    assert named("mcp.files.read", patterns)
    assert not named("mcp.time.now", patterns)
    assert not named("nowhere", patterns)


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("now", "now", True),
        ("now", "never", False),
        ("mcp.files.read", "mcp.files.*", True),
        ("mcp.file", "mcp.files.*", False),
        ("mcp.*", "mcp.files.*", True),
        ("mcp.f*.read", "mcp.files.*", True),
        ("mcp.time.*", "mcp.files.*", False),
        ("*", "mcp.files.*", True),
    ],
)
def test_two_patterns_overlap_where_a_name_may_fit_both(one: str, other: str, overlap: bool) -> None:
    assert (may_overlap(one, other), may_overlap(other, one)) == (overlap, overlap)
