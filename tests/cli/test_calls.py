"""Calls of tools in the terminal: told, and allowed or denied by whoever types."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from mdsa_server.cli.calls import question_of
from mdsa_server.configuration import load
from mdsa_server.embedded_ollama.request_body import RequestBody
from tests.calling import PLUGIN, SEND, TIME, TOOLS, calls
from tests.cli.terminal import PATIENCE_SECONDS, Terminal
from tests.fakes.script import Calls, ScriptedModel, Step
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, running

not_on_windows = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals to test with")


@pytest.fixture
async def server(terminal: Terminal, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    (terminal.folder / "plugins").mkdir()
    (terminal.folder / "plugins" / "test_tools.py").write_text(PLUGIN, "utf-8")
    settings = terminal.folder / "mdsa.toml"
    text = settings.read_text("utf-8").replace("[plugin_host]", '[plugin_host]\ndirectories = ["plugins"]')
    text = text.replace('"Everything else"', f'"Everything else"\ntools = {json.dumps(TOOLS)}')
    settings.write_text(text + '[embedding]\nmodel = "absent/none"\n', "utf-8")
    async with running(load(None, {}, terminal.folder).settings) as server:
        yield server


class Screen:
    """A command on a terminal of its own; what it shows can be waited for."""

    def __init__(self, end: int) -> None:
        self._end = end
        self._shown = ""
        self._grown = asyncio.Event()
        asyncio.get_running_loop().add_reader(end, self._read)

    def _read(self) -> None:
        try:
            piece = os.read(self._end, 65536)
        except OSError:  # As Linux tells that the other end is closed.
            piece = b""
        if not piece:
            asyncio.get_running_loop().remove_reader(self._end)
        self._shown += piece.decode()
        self._grown.set()

    def type(self, line: str) -> None:
        os.write(self._end, f"{line}\n".encode())

    async def shows(self, text: str) -> str:
        """Wait until `text` is shown, and give all that was shown since it was last waited."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while text not in self._shown:
                self._grown.clear()
                await self._grown.wait()
        before, _, self._shown = self._shown.partition(text)
        return before + text


@asynccontextmanager
async def on_a_screen(terminal: Terminal, *arguments: str) -> AsyncIterator[tuple[Screen, asyncio.subprocess.Process]]:
    """Run a command on a terminal while the block runs."""
    import pty

    ours, its = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(terminal.python, "-m", "mdsa_server", *arguments),
        cwd=terminal.folder,
        env=os.environ | {"PYTHONUTF8": "1", "TERM": "dumb"},
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
    )
    os.close(its)
    screen = Screen(ours)
    try:
        yield screen, process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        asyncio.get_running_loop().remove_reader(ours)
        os.close(ours)


async def test_calls_are_told_apart_from_the_answer_as_they_happen(
    terminal: Terminal, server: RunningServer, model: ScriptedModel
) -> None:
    model.says = calls(TIME, Calls("refuse", {}), before="Let me look.")
    done = await terminal.mdsa("ask", "what time is it")
    assert (done.code, done.out) == (0, "Let me look.\n\nIt is 07:12.\n"), done.err
    assert '· calls time_in(city="Lisbon")\n· calls refuse()\n· refuse: refused\n' in done.err


@pytest.mark.parametrize("command", ["ask", "chat"])
async def test_without_a_terminal_a_call_that_waits_is_denied_with_a_word_on_how_to_allow_it(
    terminal: Terminal, server: RunningServer, model: ScriptedModel, command: str
) -> None:
    model.says = calls(SEND, then=("I could not.",))
    done = await (terminal.mdsa("ask", "write") if command == "ask" else terminal.mdsa("chat", typed="write\n/quit"))
    assert done.code == 0, done.err
    assert "I could not." in done.out
    assert "--allow-tools" in done.err
    assert "· send: denied" in done.err


@pytest.mark.parametrize("form", [(), ("--json",)])
async def test_who_allows_tools_is_not_asked(
    terminal: Terminal, server: RunningServer, model: ScriptedModel, form: tuple[str, ...]
) -> None:
    model.says = calls(SEND, then=("Sent.",))
    done = await terminal.mdsa("ask", "write", "--allow-tools", *form)
    assert done.code == 0, done.err
    assert "Sent." in done.out
    assert "Allow" not in done.err
    conversations = (await server.client.get("/api/conversations")).json()["conversations"]
    turn = (await server.client.get(f"/api/conversations/{conversations[0]['id']}")).json()["turns"][0]
    assert (turn["tool_runs"][0]["outcome"], turn["tool_runs"][0]["by"]) == ("returned", "local")


@not_on_windows
@pytest.mark.parametrize(("typed", "said"), [("y", "Sent."), ("", "I did not."), ("n", "I did not.")])
async def test_on_a_terminal_it_is_asked_and_only_a_yes_allows(
    terminal: Terminal, server: RunningServer, model: ScriptedModel, typed: str, said: str
) -> None:
    model.says = lambda asked: (
        ("Sent." if "sent to" in str(asked.messages[-1]) else "I did not.",)
        if asked.messages[-1]["role"] == "tool"
        else (Calls("send", {"to": "Ann"}),)
    )
    async with on_a_screen(terminal, "ask", "write to Ann") as (screen, process):
        await screen.shows('Allow send(to="Ann")? [y/N] ')
        screen.type(typed)
        await screen.shows(said)
        assert await asyncio.wait_for(process.wait(), PATIENCE_SECONDS) == 0


@not_on_windows
async def test_in_a_talk_it_is_asked_and_the_next_line_is_a_message_again(
    terminal: Terminal, server: RunningServer, model: ScriptedModel
) -> None:
    model.says = calls(Calls("send", {"to": "Ann"}), Calls("send", {"to": "Eve"}), then=("One sent.",))
    async with on_a_screen(terminal, "chat") as (screen, process):
        await screen.shows("you> ")
        screen.type("write to both")
        await screen.shows('Allow send(to="Ann")? [y/N] ')
        screen.type("y")
        await screen.shows('Allow send(to="Eve")? [y/N] ')
        screen.type("n")
        await screen.shows("· send: denied")
        await screen.shows("you> ")
        model.says = ["Good bye."]
        screen.type("thanks")
        await screen.shows("Good bye.")
        screen.type("/quit")
        assert await asyncio.wait_for(process.wait(), PATIENCE_SECONDS) == 0


@not_on_windows
async def test_what_was_typed_before_the_question_does_not_answer_it(
    terminal: Terminal, server: RunningServer, model: ScriptedModel
) -> None:
    typed = asyncio.Event()

    def says(asked: RequestBody) -> Sequence[Step]:
        if asked.messages[-1]["role"] == "tool":
            return ("Sent." if "sent to" in str(asked.messages[-1]) else "I did not.",)
        return ("Shall I? ", typed, Calls("send", {"to": "Ann"}))

    model.says = says
    async with on_a_screen(terminal, "ask", "write to Ann") as (screen, process):
        await screen.shows("Shall I?")
        screen.type("y")
        await screen.shows("y")
        typed.set()
        await screen.shows("[y/N] ")
        screen.type("n")
        await screen.shows("I did not.")
        assert await asyncio.wait_for(process.wait(), PATIENCE_SECONDS) == 0


@not_on_windows
@pytest.mark.parametrize("command", [("ask", "write to Ann"), ("chat",)])
async def test_ctrl_c_at_the_question_stops_the_turn(
    terminal: Terminal, server: RunningServer, model: ScriptedModel, command: tuple[str, ...]
) -> None:
    model.says = calls(Calls("send", {"to": "Ann"}))
    async with on_a_screen(terminal, *command) as (screen, process):
        if command == ("chat",):
            await screen.shows("you> ")
            screen.type("write to Ann")
        await screen.shows("[y/N] ")
        process.send_signal(signal.SIGINT)
        if command == ("chat",):
            await screen.shows("you> ")
            screen.type("/quit")
        assert await asyncio.wait_for(process.wait(), PATIENCE_SECONDS) == (0 if command == ("chat",) else 130)
    (conversation,) = (await server.client.get("/api/conversations")).json()["conversations"]
    (turn,) = (await server.client.get(f"/api/conversations/{conversation['id']}")).json()["turns"]
    assert turn["outcome"] == "cancelled"


def test_a_question_shows_all_that_a_call_is_given_and_nothing_in_it_can_deceive() -> None:
    assert question_of({"tool": "send", "arguments": {"to": "Ann"}}) == 'Allow send(to="Ann")? [y/N] '
    asked = question_of({"tool": "send", "arguments": {"text": "x" * 500, "to": "Eve\x1b[2K\u202e"}})
    assert "x" * 500 in asked
    assert 'to="Eve\\u001b[2K\\u202e"' in asked
    assert "\x1b" not in asked
    assert "\u202e" not in asked
