"""Turns whose model calls tools by its own means: what it is told, and that it comes to an end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from mdsa_server.chat.tool_way import LEAST_TURNS
from mdsa_server.embedded_ollama.request_body import RequestBody
from mdsa_server.plugin_api import Tool, ToolCall
from mdsa_server.vocabulary.events import (
    ToolCalled,
    ToolReturned,
)
from tests.chat.conftest import Office, events_of
from tests.chat.tool_turns import calling_once, finished, give, model_of, of_kind, results_in, send, text_of, time_in
from tests.fakes.script import Calls, Step


async def test_a_model_calls_a_tool_is_told_the_result_and_answers(office: Office) -> None:
    give(office, Tool(time_in))
    seen: list[RequestBody] = []

    def says(asked: RequestBody) -> Sequence[Step]:
        seen.append(asked)
        return calling_once(Calls("time_in", {"city": "Tokyo"}))(asked)

    model_of(office).says = says
    events = await events_of(office, "what time is it in Tokyo")
    assert of_kind(events, ToolCalled)[0].arguments == {"city": "Tokyo"}
    (returned,) = of_kind(events, ToolReturned)
    assert (returned.tool, returned.outcome, returned.result) == ("time_in", "returned", "07:12 in Tokyo")
    assert text_of(events) == "It is 07:12."
    assert [tool["function"]["name"] for tool in seen[0].tools] == ["time_in"]
    assert results_in(seen[1]) == ['<result tool="time_in">\n07:12 in Tokyo\n</result>']


async def test_a_turn_keeps_what_was_called_and_what_it_cost(office: Office) -> None:
    give(office, Tool(time_in))
    model_of(office).says = calling_once(Calls("time_in", {"city": "Tokyo"}))
    turn = await finished(office)
    stored, _ = await office.turn_log.story("local", turn.id)
    (run,) = stored.tool_runs
    assert (run.tool, run.outcome, run.result, run.approval) == ("time_in", "returned", "07:12 in Tokyo", "")
    assert stored.ledger is not None
    assert stored.ledger.tools > 0
    assert stored.ledger.tool_results > 0
    assert stored.usage is not None
    assert stored.usage.prompt_tokens > 10, "of both times that the model was asked"


async def test_calls_of_one_round_are_made_side_by_side(office: Office) -> None:
    both = asyncio.Barrier(2)

    async def meet(name: str) -> str:
        """Wait for the other."""
        await asyncio.wait_for(both.wait(), 5)
        return name

    give(office, Tool(meet))
    model_of(office).says = calling_once(Calls("meet", {"name": "a"}), Calls("meet", {"name": "b"}))
    assert {run.result for run in (await finished(office)).tool_runs} == {"a", "b"}


async def test_what_was_said_before_a_call_and_after_it_are_paragraphs(office: Office) -> None:
    give(office, Tool(time_in))
    model_of(office).says = lambda asked: (
        ("Early.",) if results_in(asked) else ("Let me see.", Calls("time_in", {"city": "Tokyo"}))
    )
    assert (await finished(office)).answer == "Let me see.\n\nEarly."


async def test_a_domain_that_names_no_tools_asks_no_plugin_for_any(office: Office) -> None:
    async def tools() -> Sequence[Tool]:
        raise AssertionError

    office.offering.tools = tools  # type: ignore[method-assign]  # must not be asked
    assert (await finished(office)).outcome == "answered"


async def test_only_what_the_domain_names_can_be_called(office: Office) -> None:
    give(office, Tool(time_in))
    office.offering.own_tools.append(Tool(send))
    model_of(office).says = calling_once(Calls("send", {"to": "everybody"}), then="I cannot.")
    turn = await finished(office)
    (run,) = turn.tool_runs
    assert run.outcome == "unknown"
    assert "time_in" in run.result
    assert turn.answer == "I cannot."


async def test_arguments_that_do_not_fit_are_told_once_and_then_it_goes_on_without_tools(office: Office) -> None:
    give(office, Tool(time_in))
    offered: list[int] = []

    def says(asked: RequestBody) -> Sequence[Step]:
        offered.append(len(asked.tools))
        return (Calls("time_in", {"town": f"{len(offered)}"}),) if asked.tools else ("I do not know.",)

    model_of(office).says = says
    turn = await finished(office)
    assert [run.outcome for run in turn.tool_runs] == ["invalid", "invalid"]
    assert offered == [1, 1, 0]
    assert turn.answer == "I do not know."


async def test_a_model_that_calls_for_ever_must_answer_after_so_many_rounds(office: Office) -> None:
    give(office, Tool(time_in), max_rounds=3)
    rounds = iter(range(100))
    model_of(office).says = lambda asked: (
        (Calls("time_in", {"city": f"City {next(rounds)}"}),) if asked.tools else ("Enough.",)
    )
    turn = await finished(office)
    assert len(turn.tool_runs) == 3
    assert turn.answer == "Enough."


async def test_a_model_that_repeats_a_call_gets_no_second_result_but_must_answer(office: Office) -> None:
    give(office, Tool(time_in))
    model_of(office).says = lambda asked: (Calls("time_in", {"city": "Tokyo"}),) if asked.tools else ("Enough.",)
    turn = await finished(office)
    assert len(turn.tool_runs) == 1
    assert turn.answer == "Enough."


async def test_a_model_whose_calls_never_fit_is_held_to_a_schema_from_then_on(office: Office) -> None:
    give(office, Tool(time_in))

    def says(asked: RequestBody) -> Sequence[Step]:
        if asked.format:
            return ('{"tool": "none"}',)
        return (Calls("nothing", {}),) if asked.tools else ("So be it.",)

    model_of(office).says = says
    for _ in range(LEAST_TURNS):
        await finished(office)
    turn = await finished(office)
    assert turn.tool_runs == ()
    assert turn.answer == "So be it."


async def test_a_tool_that_breaks_is_the_models_to_hear_of_and_no_end_of_the_turn(office: Office) -> None:
    def break_down() -> str:
        """Break down."""
        raise RuntimeError("broken")

    give(office, Tool(break_down))
    model_of(office).says = calling_once(Calls("break_down", {}), then="That failed.")
    turn = await finished(office)
    assert (turn.outcome, turn.answer) == ("answered", "That failed.")
    assert turn.tool_runs[0].outcome == "failed"


async def test_results_are_cut_to_what_the_context_holds(office: Office) -> None:
    def tell_all() -> str:
        """Tell all."""
        return "many words " * 5_000

    give(office, Tool(tell_all), max_result_chars=50_000)
    model_of(office).says = calling_once(Calls("tell_all", {}))
    turn = await finished(office)
    assert turn.outcome == "answered"
    (run,) = turn.tool_runs
    assert run.cut
    assert turn.ledger is not None
    assert turn.ledger.tool_results < turn.ledger.context


async def test_a_turn_that_is_stopped_stops_its_tools(office: Office) -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def hang() -> str:
        """Hang."""
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return ""

    give(office, Tool(hang))
    model_of(office).says = (Calls("hang", {}),)
    stream = await office.live_turns.start("local", "general")
    await asyncio.wait_for(begun.wait(), 5)
    await office.live_turns.cancel("local", stream.turn.id)
    await asyncio.wait_for(stopped.wait(), 5)
    assert (await stream.finished()).outcome == "cancelled"


async def test_a_tool_is_told_who_calls_it(office: Office) -> None:
    def whoami(call: ToolCall) -> str:
        """Say who calls."""
        return f"{call.caller} in {call.domain.name}"

    give(office, Tool(whoami))
    model_of(office).says = calling_once(Calls("whoami", {}))
    assert (await finished(office)).tool_runs[0].result == "local in general"


async def test_no_model_is_held_while_a_tool_runs(office: Office) -> None:
    leases: list[int] = []

    async def look() -> str:
        """Look who is in use."""
        uses = await office.live_turns.desk.keeper.uses([model_of(office).name])
        leases.append(uses[model_of(office).name].in_use)
        return "looked"

    give(office, Tool(look))
    model_of(office).says = calling_once(Calls("look", {}))
    await finished(office)
    assert leases == [0]


async def test_tools_that_do_not_fit_the_context_are_not_offered_and_the_turn_goes_on(office: Office) -> None:
    def long_tool(number: int) -> Tool:
        def work(text: str) -> str:
            return text

        work.__doc__ = f"Do number {number}. " + "So it is done, with great care. " * 60
        return Tool(work, name=f"work_{number}")

    give(office, *(long_tool(number) for number in range(20)))
    offered: list[int] = []

    def says(asked: RequestBody) -> Sequence[Step]:
        offered.append(len(asked.tools))
        return ("Hello.",)

    model_of(office).says = says
    turn = await finished(office)
    assert turn.answer == "Hello."
    assert 0 < offered[0] < 16
    assert turn.ledger is not None
    assert turn.ledger.dropped_tools == 20 - offered[0]


async def test_long_arguments_do_not_end_a_turn_after_the_tool_was_called(office: Office) -> None:
    saved: list[str] = []

    def save(text: str) -> str:
        """Save a text."""
        saved.append(text)
        return "saved"

    give(office, Tool(save))
    model_of(office).says = calling_once(Calls("save", {"text": "many words " * 2_000}), then="Saved.")
    turn = await finished(office)
    assert (turn.answer, len(saved)) == ("Saved.", 1)


async def test_what_a_model_says_before_it_falls_silent_stands_apart_from_what_the_tools_gave(office: Office) -> None:
    give(office, Tool(time_in))
    model_of(office).says = lambda asked: (
        () if results_in(asked) else ("Let me check.", Calls("time_in", {"city": "Tokyo"}))
    )
    assert (await finished(office)).answer == "Let me check.\n\n07:12 in Tokyo"


async def test_a_call_is_made_once_however_often_it_is_asked_for(office: Office) -> None:
    sent: list[str] = []

    def post(to: str) -> str:
        """Post a letter."""
        sent.append(to)
        return "posted"

    give(office, Tool(post), Tool(time_in))
    rounds: Iterator[Sequence[Step]] = iter(
        [
            (Calls("post", {"to": "Ann"}), Calls("post", {"to": "Ann"})),
            (Calls("post", {"to": "Ann"}), Calls("time_in", {"city": "Tokyo"})),
            ("Done.",),
        ]
    )
    model_of(office).says = lambda asked: next(rounds)
    turn = await finished(office)
    assert sent == ["Ann"]
    assert [run.tool for run in turn.tool_runs] == ["post", "time_in"]


async def test_calls_beyond_so_many_at_once_are_told_as_not_made(office: Office) -> None:
    give(office, Tool(time_in))
    model_of(office).says = calling_once(*(Calls("time_in", {"city": f"City {number}"}) for number in range(10)))
    turn = await finished(office)
    assert [run.outcome for run in turn.tool_runs] == ["returned"] * 8 + ["refused"] * 2
