"""`mdsa tools`: what is on offer, and a call by hand."""

import json
from collections.abc import AsyncIterator

import pytest

from mdsa_server.configuration import load, read
from tests.cli.terminal import Terminal
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, running
from tests.tool_plugin import PLUGIN

TOOLS = """
[tools]
approval = { "mcp.files.erase" = "deny" }
"""


@pytest.fixture
async def server(terminal: Terminal, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    (terminal.folder / "plugins").mkdir()
    (terminal.folder / "plugins" / "signs.py").write_text(PLUGIN, "utf-8")
    terminal.configure(engine.url, TOOLS)
    settings = terminal.folder / "mdsa.toml"
    text = settings.read_text("utf-8").replace("[plugin_host]", '[plugin_host]\ndirectories = ["plugins"]')
    settings.write_text(text, "utf-8")
    configured = load(None, {}, terminal.folder).settings
    async with running(configured, reread=lambda: read(None, {}, terminal.folder)) as server:
        yield server


async def test_tools_are_listed_in_columns_that_fit_a_terminal(terminal: Terminal, server: RunningServer) -> None:
    lines = (await terminal.mdsa("tools")).out.splitlines()
    assert (await terminal.mdsa("tools", "list")).out.splitlines() == lines
    assert max(map(len, lines)) <= 80
    heads = {line.split()[0]: line for line in lines[::2]}
    assert heads["now"].split() == ["now", "[zone]", "clock", "at", "once"]
    assert heads["send"].split()[1:] == ["text", "signs", "asks", "first", "effects"]
    assert heads["mcp.files.erase"].split()[1:] == ["path", "signs", "never", "effects"]
    assert "paint title day color [times]" in heads["paint"]
    starts = {line.index(f"  {plugin}  ") for line in heads.values() for plugin in ("clock", "signs") if plugin in line}
    assert len(starts) == 1
    assert lines[lines.index(heads["paint"]) + 1] == "  Paint a sign."


async def test_tools_can_be_had_as_json(terminal: Terminal, server: RunningServer) -> None:
    tools = json.loads((await terminal.mdsa("tools", "--json")).out)
    assert tools == (await server.client.get("/api/tools")).json()


async def test_a_tool_is_called_and_a_pipe_gets_its_result_alone(terminal: Terminal, server: RunningServer) -> None:
    done = await terminal.mdsa("tools", "call", "add_days", '{"start": "2024-02-28", "days": 2}')
    assert (done.code, done.out) == (0, '{"date":"2024-03-01","weekday":"Friday"}\n')
    assert done.err.startswith("returned in ")
    assert (await terminal.mdsa("tools", "call", "whoami", "--domain", "code")).out.startswith("local for code")
    told = json.loads((await terminal.mdsa("tools", "call", "send", '{"text": "hi"}', "--json")).out)
    assert (told["outcome"], told["result"]) == ("returned", "sent hi")


async def test_what_a_tool_gives_steers_no_terminal(terminal: Terminal, server: RunningServer) -> None:
    text = '{"text": "a\\u001b[2J\\u202eb"}'
    assert (await terminal.mdsa("tools", "call", "send", text)).out == "sent a\\x1b[2J\\u202eb\n"
    told = json.loads((await terminal.mdsa("tools", "call", "send", text, "--json")).out)
    assert told["result"] == "sent a\x1b[2J\u202eb"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ('{zone: "Tokyo"}', '  {zone: "Tokyo"}\n   ^\n  line 1, column 2: '),
        ('{"zone":\n "Tokyo"', '   "Tokyo"\n          ^\n  line 2, column 9: '),
        ('["Tokyo"]', "no JSON object"),
        ('{"zone": NaN}', "NaN is no number"),
        ('{"zone": ' + "[" * 100_000, "not JSON"),
    ],
)
async def test_what_is_no_json_object_is_shown_where_it_is_wrong(
    terminal: Terminal, server: RunningServer, arguments: str, told: str
) -> None:
    done = await terminal.mdsa("tools", "call", "now", arguments)
    assert done.code == 2
    assert told in done.err


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("nwo", "{}", "Did you mean now?"),
        ("add_days", "{}", "It takes: start (a date such as 2024-05-31), days"),
        ("now", '{"zone": "\\ud800"}', "surrogate"),
        ("refuse", "{}", "there is no such city. Name a large one."),
        ("break_down", "{}", "plugin signs, tool break_down"),
        ("mcp.files.erase", '{"path": "a"}', "`approval` in `[tools]`"),
    ],
)
async def test_a_call_that_gives_no_result_is_a_problem(
    terminal: Terminal, server: RunningServer, tool: str, arguments: str, told: str
) -> None:
    done = await terminal.mdsa("tools", "call", tool, arguments)
    assert (done.code, done.out) == (1, "")
    assert told in done.err


async def test_without_a_server_one_is_started_for_the_call(terminal: Terminal) -> None:
    done = await terminal.mdsa("tools", "call", "calculate", '{"expression": "15% of 80"}')
    assert (done.code, done.out) == (0, "12\n")
