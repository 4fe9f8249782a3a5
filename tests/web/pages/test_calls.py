"""Calls of tools on the chat page: shown, asked for, answered."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mdsa_server.vocabulary.events import (
    ApprovalAnswered,
    ApprovalAsked,
    PromptAssembled,
    Token,
    ToolCalled,
    ToolReturned,
    TurnEvent,
    TurnFinished,
)
from mdsa_server.vocabulary.replay import told
from mdsa_server.vocabulary.tools import ToolOutcome
from mdsa_server.vocabulary.turn import Ledger, Timings, Turn, Usage
from mdsa_server.web.pages import answer_stream
from mdsa_server.web.pages.answer_view import AnswerView, GrowingAnswer, finished_answer
from mdsa_server.web.pages.call_view import CallView, calls_of, time_left
from tests.calling import SEND, TIME, calling_settings, calls
from tests.fakes.script import Calls, ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, running
from tests.web.pages.test_chat import begin, events_of, whole_stream

TURN = Turn(id="t", conversation="c", parent=None, message="Hello?", started=datetime(2026, 3, 14, tzinfo=UTC))
CALLED = ToolCalled(at=1.0, call="1", tool="send", arguments={"to": "Ann"})
ASKED = ApprovalAsked(at=1.0, call="1", tool="send", arguments={"to": "Ann"}, seconds=120.0)
ALLOWED = ApprovalAnswered(at=5.0, call="1", approved=True, by="local")
DENIED = ApprovalAnswered(at=5.0, call="1", approved=False, by="local")
TOO_LATE = ApprovalAnswered(at=121.0, call="1", approved=False, by="")
ENDED = TurnFinished(at=9.0, usage=None, timings=Timings(total=9.0), reason="cancelled")


def returned(outcome: ToolOutcome = "returned", result: str = "sent", *, cut: bool = False) -> ToolReturned:
    return ToolReturned(at=6.0, call="1", tool="send", outcome=outcome, result=result, seconds=0.5, cut=cut)


def call_after(*events: TurnEvent, now: float = 1.0) -> CallView:
    (call,) = calls_of(told(TURN, events), now)
    return call


def shown_after(*events: TurnEvent) -> AnswerView:
    """Show a turn that is told event by event, as a live one is."""
    growing = GrowingAnswer(TURN)
    for event in events:
        growing.tell([event])
    return growing.view()


@pytest.fixture
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    async with running(calling_settings(tmp_path, engine=engine.url)) as server:
        yield server


@pytest.mark.parametrize(
    ("events", "kind", "state", "said"),
    [
        ((CALLED,), "running", "running …", ""),
        ((CALLED, ASKED), "asked", "waits for your yes", ""),
        ((CALLED, ASKED, ALLOWED), "running", "running …", "Allowed by local."),
        ((CALLED, ASKED, ALLOWED, returned()), "returned", "result", "Allowed by local."),
        ((CALLED, ASKED, DENIED, returned("denied")), "denied", "denied", "Denied by local."),
        ((CALLED, ASKED, TOO_LATE, returned("denied")), "denied", "denied", "Denied: nobody allowed it in time."),
        ((CALLED, returned("denied")), "denied", "denied", "Denied: the configuration lets nobody call it."),
        ((CALLED, returned("refused")), "refused", "refused", ""),
        ((CALLED, returned("failed")), "failed", "failed", ""),
        ((CALLED, returned("invalid")), "invalid", "arguments do not fit", ""),
        ((CALLED, returned("unknown")), "unknown", "no such tool", ""),
        ((CALLED, ENDED), "stopped", "not finished", ""),
        ((CALLED, ASKED, ENDED), "stopped", "not finished", ""),
    ],
)
def test_a_call_says_how_far_it_is_and_who_let_it(
    events: tuple[TurnEvent, ...], kind: str, state: str, said: str
) -> None:
    call = call_after(*events)
    assert (call.kind, call.state, call.said) == (kind, state, said)
    assert (call.tool, call.brief) == ("send", 'to="Ann"')


def test_only_a_call_that_was_made_took_time() -> None:
    assert call_after(CALLED, returned()).seconds == 0.5
    assert call_after(CALLED, returned("failed")).seconds == 0.5
    assert call_after(CALLED, returned("invalid")).seconds is None
    assert call_after(CALLED).seconds is None


def test_a_call_that_waits_tells_how_long_it_still_does() -> None:
    assert call_after(CALLED, ASKED, now=1.0).left == "2 minutes"
    assert call_after(CALLED, ASKED, now=100.0).left == "30 seconds"
    assert call_after(CALLED, ASKED, ALLOWED, now=6.0).left == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (300, "5 minutes"),
        (91, "2 minutes"),
        (61, "1 minute"),
        (50, "50 seconds"),
        (41, "50 seconds"),
        (-3, "10 seconds"),
    ],
)
def test_time_is_told_as_exactly_as_one_needs_it(seconds: float, words: str) -> None:
    assert time_left(seconds) == words


def test_what_is_called_and_what_is_waited_for_is_said_to_those_who_do_not_see_it() -> None:
    second = ToolCalled(at=1.0, call="2", tool="now", arguments={})
    assert shown_after(CALLED).announcement == "Calling send"
    assert shown_after(CALLED, second).announcement == "Calling send, now"
    asked = shown_after(CALLED, ASKED)
    assert (asked.doing, asked.announcement) == ("", "send waits for your yes")
    assert shown_after(CALLED, ASKED, ALLOWED).doing == "Calling send"
    assert shown_after(CALLED, ASKED, ALLOWED, returned()).announcement == ""


def test_a_live_turn_shows_the_calls_that_the_stored_one_shows() -> None:
    second = ToolCalled(at=1.0, call="2", tool="now", arguments={})
    events = (CALLED, second, ASKED, ALLOWED, returned(cut=True))
    assert shown_after(*events).turn.tool_runs == told(TURN, events).tool_runs


def test_an_answer_for_which_tools_were_called_has_no_speed() -> None:
    usage, timings = Usage(answer_tokens=20), Timings(total=9.0, first_token=1.0)
    end = TurnFinished(at=9.0, usage=usage, timings=timings, reason="stop")
    assert finished_answer(told(TURN, [Token(at=1.0, text="Let me see."), end])).tokens_per_second
    assert finished_answer(told(TURN, [Token(at=1.0, text="."), CALLED, returned(), end])).tokens_per_second is None


def test_what_was_left_out_is_told_of_a_prompt_with_tools_too() -> None:
    ledger = Ledger(
        context=4096,
        instructions=1,
        history=2,
        passages=0,
        question=3,
        tools=40,
        tool_results=7,
        reserve=512,
        dropped_turns=2,
    )
    view = shown_after(CALLED, returned(), PromptAssembled(at=7.0, model="small:1b", ledger=ledger))
    assert (view.doing, view.turn.ledger) == ("small:1b is reading", ledger)


async def until(server: RunningServer, turn: str, text: str) -> str:
    """Follow a turn until a frame shows a text, and give the frame."""
    async with asyncio.timeout(10), events_of(server, turn) as events:
        async for event in events:
            if text in event:
                return event
    raise AssertionError(f"no frame shows {text!r}")


async def test_a_call_that_waits_is_shown_whole_with_its_buttons_and_goes_on_when_allowed(
    server: RunningServer, model: ScriptedModel
) -> None:
    model.says = calls(SEND, then=("Sent.",))
    begun, turn = await begin(server)
    frame = await until(server, turn, "May <span")
    for shown in (
        'value="true">Allow</button>',
        'value="false">Deny</button>',
        '<input type="hidden" name="call" value="1">',
        "&#34;text&#34;: &#34;Dear Ann,\\nall is well.&#34;",
        "If nobody answers within 2 minutes, it is denied.",
        "send waits for your yes",
    ):
        assert shown in frame
    page = (await server.client.get(begun.headers["HX-Push-Url"])).text
    assert "May <span" in page
    said = await server.client.post(
        f"/chat/turns/{turn}/approvals", data={"call": "1", "approved": "true"}, headers={"HX-Request": "true"}
    )
    assert said.status_code == 204
    end = await whole_stream(server, turn)
    assert "May <span" not in end.split("\n\n")[-3]
    page = (await server.client.get(begun.headers["HX-Push-Url"])).text
    assert "Allowed by local." in page
    assert "sent to Ann" in page
    assert "May <span" not in page


async def test_without_scripts_the_answer_leads_back_to_the_conversation(
    server: RunningServer, model: ScriptedModel
) -> None:
    model.says = calls(SEND, then=("I did not.",))
    begun, turn = await begin(server)
    await until(server, turn, "May <span")
    said = await server.client.post(f"/chat/turns/{turn}/approvals", data={"call": "1", "approved": "false"})
    assert (said.status_code, said.headers["Location"]) == (303, begun.headers["HX-Push-Url"])
    assert "Denied by local." in await whole_stream(server, turn)
    late = await server.client.post(
        f"/chat/turns/{turn}/approvals", data={"call": "1", "approved": "true"}, headers={"Accept": "text/html"}
    )
    assert late.status_code == 409
    assert "<!doctype html>" in late.text


async def test_while_a_call_waits_the_time_left_is_told_anew(
    server: RunningServer, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_stream, "WAITING_SECONDS", 0.05)
    model.says = calls(SEND, then=("Sent.",))
    _, turn = await begin(server)
    async with asyncio.timeout(10), events_of(server, turn) as events:
        asking = [event async for event in events_until(events, "If nobody answers", 3)]
    positions = {event.partition("\n")[0] for event in asking}
    assert len(positions) == 1, "nothing has happened meanwhile"
    assert re.match(r"id: \d+$", positions.pop())


async def events_until(events: AsyncIterator[str], text: str, times: int) -> AsyncIterator[str]:
    async for event in events:
        if text in event:
            times -= 1
            yield event
        if not times:
            return


async def test_what_tools_and_models_write_is_shown_as_text(server: RunningServer, model: ScriptedModel) -> None:
    model.says = calls(Calls("recite", {"lines": 200}), Calls("nothing", {"<i>\u202e": "</pre>"}), then=("Well.",))
    begun, turn = await begin(server)
    await whole_stream(server, turn)
    page = (await server.client.get(begun.headers["HX-Push-Url"])).text
    assert "&lt;b&gt;line 0&lt;/b&gt;" in page
    assert "<b>line" not in page
    assert "&lt;i&gt;\\u202e" in page
    assert "&lt;/pre&gt;" in page
    assert "cut: it was longer than the model was given" in page


async def test_a_turn_that_calls_nothing_shows_no_list_of_calls(server: RunningServer) -> None:
    _, turn = await begin(server)
    assert "tool-calls" not in await whole_stream(server, turn)


async def test_a_reader_who_comes_back_sees_the_calls_made_before(server: RunningServer, model: ScriptedModel) -> None:
    more = asyncio.Event()
    model.says = calls(TIME, then=("It is ", more, "early."))
    _, turn = await begin(server)
    position = (await until(server, turn, "It is")).partition("\n")[0].removeprefix("id: ")
    back = asyncio.create_task(whole_stream(server, turn, **{"Last-Event-ID": position}))
    more.set()
    frames = await back
    assert "07:12 in Lisbon" in frames
    assert frames.count("It is </p>") == 0
