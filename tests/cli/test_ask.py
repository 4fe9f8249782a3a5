"""`mdsa ask` and `mdsa route`, with a server running and without."""

import asyncio
import json
import re
import signal
import sys

import pytest

from mdsa_server.cli.turns import SOON, closing_line
from mdsa_server.store.data_folder import hold_data_folder
from tests.cli.terminal import PATIENCE_SECONDS, Terminal
from tests.fakes.script import DIES, ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer


async def test_the_answer_is_printed_and_apart_from_it_where_it_came_from(
    terminal: Terminal, server: RunningServer
) -> None:
    done = await terminal.mdsa("ask", "a function in python")
    assert (done.code, done.out) == (0, "Hello there.\n")
    assert re.fullmatch(r"(loading .*\n)?\[code · \d+ ms · confidence [01]\.\d\d\]\n", done.err), done.err


@pytest.mark.parametrize(
    ("confidence", "shown"),
    [(1.0, "1.00"), (0.9999, "0.99"), (0.954, "0.95"), (0.5, "0.50"), (0.001, "0.01"), (0.0, "0.00")],
)
def test_a_confidence_that_is_not_whole_is_not_shown_as_whole(confidence: float, shown: str) -> None:
    route = {"domain": "general", "confidence": confidence}
    assert closing_line(route, 0.152, "stop") == f"[general · 152 ms · confidence {shown}]"


async def test_a_load_that_takes_a_while_is_told(
    terminal: Terminal, server: RunningServer, model: ScriptedModel
) -> None:
    model.load_seconds = 2 * SOON
    done = await terminal.mdsa("ask", "hello")
    assert done.err.startswith("loading scripted:1b ...\n[general · ")


async def test_a_model_that_is_not_there_was_never_being_loaded(
    terminal: Terminal, server: RunningServer, engine: ScriptedOllama
) -> None:
    terminal.configure(engine.url, more='model = "absent:1b"\n')
    assert (await terminal.mdsa("reload")).code == 0
    done = await terminal.mdsa("ask", "a function in python")
    assert done.code == 1
    assert "absent:1b" in done.err
    assert "loading" not in done.err


async def test_the_domain_can_be_chosen(terminal: Terminal, server: RunningServer) -> None:
    done = await terminal.mdsa("ask", "a function in python", "--domain", "general")
    assert "[general · " in done.err


async def test_a_question_is_read_from_standard_input(
    terminal: Terminal, server: RunningServer, engine: ScriptedOllama
) -> None:
    assert (await terminal.mdsa("ask", "-", typed="two\nlines")).code == 0
    assert engine.asked("/api/chat")[-1]["messages"][-1]["content"].strip() == "two\nlines"


async def test_json_gives_the_whole_turn(terminal: Terminal, server: RunningServer) -> None:
    turn = json.loads((await terminal.mdsa("ask", "hello", "--json")).out)
    assert (turn["outcome"], turn["answer"], turn["domain"]) == ("answered", "Hello there.", "general")


async def test_text_with_every_kind_of_line_end_arrives_as_it_is(
    terminal: Terminal, server: RunningServer, model: ScriptedModel
) -> None:
    model.says = ["one\u2028two", "\u0085three\r", "\n\nfour"]
    assert (await terminal.mdsa("ask", "hello", "--json")).code == 0
    done = await terminal.mdsa("ask", "hello", "--json")
    assert json.loads(done.out)["answer"] == "one\u2028two\u0085three\r\n\nfour"
    assert (await terminal.mdsa("ask", "hello")).out.endswith("four\n")


async def test_what_a_model_writes_steers_no_terminal_and_json_has_it_as_it_is(
    terminal: Terminal, server: RunningServer, model: ScriptedModel
) -> None:
    model.says = ["red \x1b[31m", "and \u202eback"]
    assert (await terminal.mdsa("ask", "hello")).out == "red \\x1b[31mand \\u202eback\n"
    done = await terminal.mdsa("ask", "hello", "--json")
    assert json.loads(done.out)["answer"] == "red \x1b[31mand \u202eback"


async def test_a_problem_is_told_with_its_mend_and_ends_with_1(terminal: Terminal, server: RunningServer) -> None:
    done = await terminal.mdsa("ask", "hello", "--domain", "kitchen")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("There is no such domain\n")
    assert "kitchen" in done.err
    assert "general" in done.err


async def test_an_engine_that_dies_leaves_what_it_said_and_a_problem(
    terminal: Terminal, server: RunningServer, model: ScriptedModel
) -> None:
    model.says = ["Half an", " answer", DIES]
    done = await terminal.mdsa("ask", "hello")
    assert done.code == 1
    assert done.out == "Half an answer\n"
    assert "The engine stopped in the middle of an answer" in done.err


async def test_without_a_server_one_is_started_and_gone_afterwards(terminal: Terminal) -> None:
    done = await terminal.mdsa("ask", "hello")
    assert (done.code, done.out) == (0, "Hello there.\n"), done.err
    assert not (terminal.folder / "data" / "server.json").exists()


async def test_two_commands_at_once_share_the_folder(terminal: Terminal) -> None:
    both = await asyncio.gather(terminal.mdsa("ask", "hello"), terminal.mdsa("ask", "hello"))
    assert [(done.code, done.out) for done in both] == [(0, "Hello there.\n")] * 2, [done.err for done in both]


async def test_a_server_that_was_killed_is_not_waited_for(terminal: Terminal) -> None:
    (terminal.folder / "data").mkdir()
    (terminal.folder / "data" / "server.json").write_text('{"url": "http://127.0.0.1:9", "pid": 1}')
    assert (await terminal.mdsa("ask", "hello")).out == "Hello there.\n"


async def test_a_folder_that_is_held_is_waited_for(terminal: Terminal) -> None:
    knocks: asyncio.Queue[None] = asyncio.Queue()

    def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        knocks.put_nowait(None)
        writer.close()

    folder = terminal.folder / "data"
    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as silent:
        with hold_data_folder(folder, f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"):
            asked = asyncio.create_task(terminal.mdsa("ask", "hello"))
            async with asyncio.timeout(PATIENCE_SECONDS):
                for _ in range(3):
                    await knocks.get()
        assert ((await asked).code, asked.result().out) == (0, "Hello there.\n"), asked.result().err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
async def test_ctrl_c_stops_the_engine_too(
    terminal: Terminal, server: RunningServer, engine: ScriptedOllama, model: ScriptedModel
) -> None:
    model.says = ["Once", asyncio.Event()]
    async with terminal.running("ask", "hello") as command:
        await command.prints("Once")
        command.signal(signal.SIGINT)
        await engine.until(lambda: engine.cut == 1)
        assert (await command.ends()).code == 130


async def test_a_route_is_told_with_its_reasons_and_nothing_is_generated(
    terminal: Terminal, server: RunningServer, engine: ScriptedOllama
) -> None:
    done = await terminal.mdsa("route", "a function in python")
    assert re.match(r"code  confidence 0\.\d\d, decided by keyword_router in \d+\.\d ms, ", done.out)
    assert "keyword for code: python" in done.err
    assert [body for body in engine.asked("/api/chat") if body["messages"]] == []


async def test_a_route_can_be_had_as_json(terminal: Terminal, server: RunningServer) -> None:
    route = json.loads((await terminal.mdsa("route", "a function in python", "--json")).out)
    assert (route["domain"], route["router"]) == ("code", "keyword_router")


async def test_a_route_is_tried_as_one_that_goes_on_with_another(terminal: Terminal, server: RunningServer) -> None:
    words = ("route", "a function in python", "--json")
    alone = json.loads((await terminal.mdsa(*words)).out)
    goes_on = json.loads((await terminal.mdsa(*words, "--after", "code")).out)
    assert goes_on["confidence"] > alone["confidence"]
    unknown = await terminal.mdsa(*words, "--after", "nowhere")
    assert unknown.code == 1
    assert "nowhere" in unknown.err
