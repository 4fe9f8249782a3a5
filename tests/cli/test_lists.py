"""`mdsa models` and `mdsa plugins`: what there is, and fetching more."""

import json

from tests.cli.terminal import Terminal
from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer


async def test_models_are_listed_with_the_default_and_the_resident_ones(
    terminal: Terminal, server: RunningServer, engine: ScriptedOllama
) -> None:
    engine.models["large:70b"] = ScriptedModel(name="large:70b", size=40_000_000_000)
    await terminal.mdsa("ask", "hello")
    lines = {line.split()[0]: line for line in (await terminal.mdsa("models")).out.splitlines()}
    assert "default; resident, 100 MB" in lines["scripted:1b"]
    assert "40.0 GB" in lines["large:70b"]
    assert "resident" not in lines["large:70b"]


async def test_models_can_be_had_as_json(terminal: Terminal, server: RunningServer) -> None:
    answer = json.loads((await terminal.mdsa("models", "--json")).out)
    assert answer["default_model"] == "scripted:1b"
    assert [row["installed"]["name"] for row in answer["models"]] == ["scripted:1b"]


async def test_without_an_engine_it_is_said_what_is_missing(terminal: Terminal, engine: ScriptedOllama) -> None:
    await engine.stop()
    done = await terminal.mdsa("models")
    assert done.code == 1
    assert "No engine answers" in done.err
    assert "ollama serve" in done.err


async def test_a_model_is_fetched(terminal: Terminal, server: RunningServer, engine: ScriptedOllama) -> None:
    engine.pullable["new:1b"] = ScriptedModel(name="new:1b")
    done = await terminal.mdsa("models", "pull", "new:1b")
    assert done.code == 0, done.err
    assert "pulling 0123456789ab" in done.out
    assert "new:1b is there." in done.out
    assert "new:1b" in (await terminal.mdsa("models")).out


async def test_a_model_that_nobody_has_is_a_problem(terminal: Terminal, server: RunningServer) -> None:
    done = await terminal.mdsa("models", "pull", "nowhere:1b")
    assert done.code == 1
    assert "nowhere:1b is there" not in done.out
    assert "file does not exist" in done.err


async def test_installing_the_embedded_model_twice_does_no_harm(terminal: Terminal) -> None:
    for _ in range(2):
        done = await terminal.mdsa("models", "install-embedded")
        assert done.code == 0, done.err
        assert done.out.endswith("The embedded model is there.\n")


async def test_plugins_are_listed_with_what_they_offer(terminal: Terminal, server: RunningServer) -> None:
    out = (await terminal.mdsa("plugins")).out
    assert "active      keyword_router " in out
    assert ": router keyword_router" in out


async def test_a_plugin_that_failed_is_listed_with_the_reason(terminal: Terminal) -> None:
    (terminal.folder / "mine").mkdir()
    (terminal.folder / "mine" / "broken.py").write_text('raise RuntimeError("no luck today")')
    done = await terminal.mdsa("plugins", MDSA_PLUGIN_HOST__DIRECTORIES='["mine"]')
    assert "quarantined broken" in done.out
    assert "no luck today" in done.out


async def test_plugins_can_be_had_as_json(terminal: Terminal, server: RunningServer) -> None:
    found = {plugin["name"]: plugin for plugin in json.loads((await terminal.mdsa("plugins", "--json")).out)}
    assert found["keyword_router"]["state"] == "active"
    assert found["clock"]["source"] == "bundled"


async def test_a_plugin_is_put_out_of_use_and_back(terminal: Terminal, server: RunningServer) -> None:
    done = await terminal.mdsa("plugins", "disable", "clock")
    assert done.out.startswith("clock is disabled until the server starts again.")
    listed = (await terminal.mdsa("plugins")).out
    assert "disabled    clock" in listed
    assert (await terminal.mdsa("plugins", "enable", "clock")).out == "clock is in use.\n"
    assert "active      clock" in (await terminal.mdsa("plugins")).out


async def test_a_plugin_that_cannot_be_enabled_is_a_problem(terminal: Terminal, server: RunningServer) -> None:
    done = await terminal.mdsa("plugins", "enable", "embedding_router")
    assert done.code == 1
    assert "was not loaded when the server started" in done.err
    assert (await terminal.mdsa("plugins", "disable", "nothing")).code == 1


async def test_switching_a_plugin_needs_a_running_server(terminal: Terminal) -> None:
    done = await terminal.mdsa("plugins", "disable", "clock")
    assert done.code == 1
    assert "No server is running" in done.err
