"""An answer in the terminal names what it cites, and what its prompt had no room for."""

import json
from collections.abc import AsyncIterator

import pytest

from mdsa_server.configuration import load
from tests.cli.terminal import Terminal
from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, running

DOCUMENTS = """collections = ["manuals"]
no_passages = "say so"
[domains.code.options]
num_ctx = 600
"""


@pytest.fixture
async def server(terminal: Terminal, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    terminal.configure(engine.url, more=DOCUMENTS)
    manual = terminal.folder / "pump.md"
    parts = " ".join(f"Part {number * 37} of the pump turns bearing {number * number}." for number in range(60))
    manual.write_text(f"# The pump\n\n## Care\n\nOil the bearing every week, with thin oil. {parts}\n")
    async with running(load(None, {}, terminal.folder).settings) as server:
        await server.client.post("/api/documents", json={"paths": [str(manual)], "collection": "manuals"}, timeout=60)
        yield server


async def test_cited_sources_follow_the_answer_with_title_file_and_place(
    terminal: Terminal, server: RunningServer, model: ScriptedModel
) -> None:
    model.says = ["Every week ", "[1]. Not [7]."]
    done = await terminal.mdsa("ask", "How often is the bearing of the pump oiled?", "--domain", "code")
    assert (done.code, done.out) == (0, "Every week [1]. Not [7].\n"), "a pipe gets the answer alone"
    assert f"[1] The pump · {terminal.folder / 'pump.md'} · Care\n" in done.err
    assert "[7]" not in done.err
    assert done.err.index("[1]") < done.err.index("[code · ")


async def test_what_did_not_fit_is_told(terminal: Terminal, server: RunningServer) -> None:
    done = await terminal.mdsa("ask", "How often is the bearing of the pump oiled?", "--domain", "code")
    assert "1 passage shortened: the model holds 600 tokens\n" in done.err
    assert "[1]" not in done.err, "nothing is cited"


async def test_an_answer_for_which_nothing_fits_says_so(terminal: Terminal, server: RunningServer) -> None:
    long = "How often is the bearing of the pump oiled? " + "Say. " * 195
    done = await terminal.mdsa("ask", long, "--domain", "code")
    assert "none of it fits" in done.out
    assert "1 passage left out: the model holds 600 tokens\n" in done.err
    assert "nothing fits, no model asked]" in done.err


async def test_a_code_that_means_nothing_is_found_by_its_word_and_what_is_not_there_is_not(
    terminal: Terminal, server: RunningServer, model: ScriptedModel
) -> None:
    codes = terminal.folder / "codes.md"
    codes.write_text("# Messages of the mill\n\n## E4711\n\nReplace fuse F3 behind the left cover, then start anew.\n")
    await server.client.post("/api/documents", json={"paths": [str(codes)], "collection": "manuals"}, timeout=60)
    model.says = ["Replace the fuse [1]."]
    found = await terminal.mdsa("ask", "What does E4711 mean?", "--domain", "code")
    assert "[1] Messages of the mill · " in found.err
    nothing = await terminal.mdsa("ask", "When was the treaty of Westphalia signed?", "--domain", "code")
    assert nothing.out == "The documents of code hold nothing about this.\n"


async def test_a_conversation_tells_its_sources_too(
    terminal: Terminal, server: RunningServer, model: ScriptedModel
) -> None:
    model.says = ["Every week [1]."]
    done = await terminal.mdsa("chat", "--domain", "code", typed="How often is the bearing of the pump oiled?\n")
    assert "[1] The pump · " in done.err


async def test_one_json_object_stays_alone(terminal: Terminal, server: RunningServer, model: ScriptedModel) -> None:
    model.says = ["Every week [1]."]
    done = await terminal.mdsa("ask", "How often is the bearing of the pump oiled?", "--domain", "code", "--json")
    assert [given["number"] for given in json.loads(done.out)["given"]] == [1]
    assert "The pump" not in done.err


async def test_a_prompt_that_the_engine_may_have_cut_is_told(
    terminal: Terminal, server: RunningServer, model: ScriptedModel
) -> None:
    model.tokens = lambda asked: 600
    done = await terminal.mdsa("ask", "How often is the bearing of the pump oiled?", "--domain", "code")
    assert "the engine may have cut the prompt: it counted 600 tokens, and the model holds 600\n" in done.err
