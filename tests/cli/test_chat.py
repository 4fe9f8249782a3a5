"""`mdsa chat`: what is typed, and what comes of it."""

import asyncio
import signal
import sys
from collections.abc import Iterator, Sequence

import pytest

from tests.cli.terminal import Terminal
from tests.fakes.script import Breaks, ScriptedModel, Step
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer

not_on_windows = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")


async def conversations(server: RunningServer) -> list[int]:
    """How many turns each conversation has, the latest first."""
    answer = (await server.client.get("/api/conversations")).json()
    return [found["turns"] for found in answer["conversations"]]


async def test_messages_go_on_with_one_conversation_until_another_is_begun(
    terminal: Terminal, server: RunningServer
) -> None:
    done = await terminal.mdsa("chat", typed="one\ntwo\n/new\nthree\n/quit")
    assert done.code == 0, done.err
    assert done.out.count("Hello there.") == 3
    assert done.err.count("[general · ") == 3
    assert await conversations(server) == [1, 2]


async def test_the_last_message_is_answered_again_in_its_place(terminal: Terminal, server: RunningServer) -> None:
    done = await terminal.mdsa("chat", typed="/again\none\ntwo\n/again\n/quit")
    assert "There is no message to answer again." in done.out
    assert done.out.count("Hello there.") == 3
    (listed,) = (await server.client.get("/api/conversations")).json()["conversations"]
    shown = (await server.client.get(f"/api/conversations/{listed['id']}")).json()
    assert [turn["message"] for turn in shown["turns"]] == ["one", "two"]
    assert list(map(len, shown["beside"].values())) == [2]


async def test_a_domain_is_chosen_and_let_go(terminal: Terminal, server: RunningServer) -> None:
    typed = "/domain code\nhello\n/domain\nhello\n/domain kitchen"
    done = await terminal.mdsa("chat", typed=typed)
    assert done.err.index("[code · ") < done.err.index("[general · ")
    for words in ("code answers from now on.", "The routers decide again.", "No domain is named kitchen."):
        assert words in done.out


async def test_a_domain_that_is_not_there_cannot_be_begun_with(terminal: Terminal, server: RunningServer) -> None:
    done = await terminal.mdsa("chat", "--domain", "kitchen")
    assert done.code == 1
    assert "There are: general, code." in done.err


async def test_help_domains_and_counts_are_told(terminal: Terminal, server: RunningServer) -> None:
    done = await terminal.mdsa("chat", typed="hello\n/stats\n/help\n/domains\n/dance")
    for words in ("1 answered, 0 failed", "/domain NAME", "Questions about programs", "/dance means nothing here"):
        assert words in done.out


async def test_a_turn_that_fails_does_not_end_the_talk(
    terminal: Terminal, server: RunningServer, model: ScriptedModel
) -> None:
    answers: Iterator[Sequence[Step]] = iter([[Breaks("out of memory")], ["All is well."]])
    model.says = lambda _: next(answers)
    done = await terminal.mdsa("chat", typed="hello\nstill there?")
    assert done.code == 0
    assert "out of memory" in done.err
    assert "All is well." in done.out


async def test_a_talk_needs_no_server(terminal: Terminal) -> None:
    done = await terminal.mdsa("chat", typed="hello")
    assert done.code == 0, done.err
    assert "Hello there." in done.out


@not_on_windows
async def test_ctrl_c_stops_an_answer_and_not_the_talk(
    terminal: Terminal, server: RunningServer, engine: ScriptedOllama, model: ScriptedModel
) -> None:
    model.says = ["Once", asyncio.Event()]
    async with terminal.running("chat") as command:
        command.type("tell a tale")
        await command.prints("Once")
        command.signal(signal.SIGINT)
        await engine.until(lambda: engine.cut == 1)
        model.says = ["The end."]
        command.type("go on")
        await command.prints("The end.")
        done = await command.ends()
    assert done.code == 0
    assert "stopped]" in done.err
    assert await conversations(server) == [2]


@not_on_windows
async def test_ctrl_c_at_the_prompt_leaves(terminal: Terminal, server: RunningServer) -> None:
    async with terminal.running("chat") as command:
        await command.prints("you> ")
        # Its input stays open: it must not wait for it.
        assert (await command.ends_when_interrupted()).code == 0
