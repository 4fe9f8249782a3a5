"""`mdsa check`, `mdsa init` and `mdsa schema`, as a person at a terminal has them."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mdsa_server import bundled
from mdsa_server.cli.main import main
from mdsa_server.configuration import load
from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama

GENERAL = '[domains.general]\ndescription = "Anything"\nmodel = "chatty:1b"\n'


@pytest.fixture
async def engine() -> AsyncIterator[ScriptedOllama]:
    async with ScriptedOllama(
        ScriptedModel(name="chatty:1b"),
        ScriptedModel(name="coder:1b"),
        ScriptedModel(name="embed", capabilities=("embedding",)),
    ) as engine:
        yield engine


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in, with no engine to be found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MDSA_CONFIG", raising=False)
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    return tmp_path


async def mdsa(*arguments: str, engine: ScriptedOllama | None = None) -> Result:
    """Run a command in a thread of its own, as it brings an event loop of its own."""
    environ = {"OLLAMA_HOST": engine.url} if engine else {}
    return await asyncio.to_thread(CliRunner().invoke, main, arguments, env=environ)


# --- check


async def test_a_sound_configuration_is_told_point_by_point(folder: Path, engine: ScriptedOllama) -> None:
    (folder / "mdsa.toml").write_text(GENERAL)
    result = await mdsa("check", engine=engine)
    assert result.exit_code == 0, result.output
    for words in ("mdsa.toml", "1: general", f"Ollama 0.9.3 at {engine.url}", "No faults, no warnings."):
        assert words in result.stdout
    assert result.stderr == ""


async def test_faults_are_listed_with_line_key_and_mend_and_end_with_2(folder: Path) -> None:
    (folder / "mdsa.toml").write_text('[server]\nport = "x"\nprot = 1\n' + GENERAL)
    result = await mdsa("check")
    assert result.exit_code == 2
    for words in ("mdsa.toml:2", "server.port: must be", "mdsa.toml:3", "Did you mean port?", "2 faults, no warnings."):
        assert words in result.stdout


async def test_faults_that_plugins_show_are_listed_with_those_of_the_file(folder: Path) -> None:
    for more, place, key in (
        ('tools = ["teleport"]\n', "mdsa.toml:6", "domains.general.tools"),
        ('[plugins.clock]\nzon = "UTC"\n', "mdsa.toml:7", "plugins.clock.zon"),
    ):
        (folder / "mdsa.toml").write_text("[server]\nport = -1\n" + GENERAL + more)
        result = await mdsa("check")
        assert result.exit_code == 2
        for words in ("server.port", place, key, "2 faults"):
            assert words in result.stdout


async def test_what_waits_until_faults_are_mended_is_told_and_comes_then(folder: Path, engine: ScriptedOllama) -> None:
    (folder / "mdsa.toml").write_text("[server]\nport = -1\n" + GENERAL.replace("chatty", "absent"))
    result = await mdsa("check", engine=engine)
    assert "are checked once these are mended" in result.stdout
    assert "absent:1b" not in result.stdout
    (folder / "mdsa.toml").write_text(GENERAL.replace("chatty", "absent"))
    result = await mdsa("check", engine=engine)
    assert "are checked once" not in result.stdout
    assert "absent:1b" in result.stdout


async def test_what_rests_on_a_faulty_list_of_plugins_is_not_told_as_a_fault_of_its_own(folder: Path) -> None:
    (folder / "mdsa.toml").write_text(GENERAL + 'tools = ["teleport"]\n[plugin_host]\ndirectories = ["absent"]\n')
    result = await mdsa("check")
    assert '"absent" is not a folder' in result.stdout
    assert "1 fault, no warnings." in result.stdout


async def test_warnings_do_not_fail_the_check(folder: Path, engine: ScriptedOllama) -> None:
    (folder / "mdsa.toml").write_text(GENERAL.replace("chatty", "absent"))
    result = await mdsa("check", engine=engine)
    assert result.exit_code == 0
    assert "mdsa models pull absent:1b" in result.stdout
    assert "No faults, 1 warning." in result.stdout
    assert (await mdsa("check", "--strict", engine=engine)).exit_code == 1


async def test_the_check_is_one_json_object_for_programs(folder: Path) -> None:
    (folder / "other.toml").write_text("[server]\nport = -1\n" + GENERAL)
    result = await mdsa("check", "--config", "other.toml", "--json")
    assert result.exit_code == 2
    answer = json.loads(result.stdout)
    assert (answer["warnings"], answer["fine"]) == ([], {})
    (fault,) = answer["faults"]
    assert (fault["file"], fault["line"], fault["key"]) == ("other.toml", 2, "server.port")
    assert fault["what"]
    assert fault["mend"]


async def test_an_ollama_host_that_is_no_address_is_a_fault(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "mdsa.toml").write_text(GENERAL)
    monkeypatch.setenv("OLLAMA_HOST", "box:notaport")
    result = await mdsa("check")
    assert result.exit_code == 2
    assert 'OLLAMA_HOST\n           "box:notaport" is not an address' in result.stdout
    assert "examples" in result.stdout
    for command in (("init", "--force"), ("serve", "--port", "0")):
        result = await mdsa(*command)
        assert (result.exit_code, "OLLAMA_HOST" in result.stderr) == (2, True), result.output


# --- init


async def test_init_writes_a_file_for_the_models_of_the_engine_that_passes_the_check(
    folder: Path, engine: ScriptedOllama
) -> None:
    result = await mdsa("init", engine=engine)
    assert result.exit_code == 0, result.output
    assert "has 2 chat models" in result.stdout
    assert "mdsa serve" in result.stdout
    settings = load(None, {}, folder).settings
    assert (settings.engine.default_model, settings.domains["code"].model) == ("chatty:1b", "coder:1b")
    assert "embed" not in (folder / "mdsa.toml").read_text("utf-8").partition("[engine]")[2].partition("[routing]")[0]
    assert "No faults, no warnings." in (await mdsa("check", engine=engine)).stdout


async def test_init_without_an_engine_leaves_the_model_to_the_server(folder: Path) -> None:
    result = await mdsa("init")
    assert result.exit_code == 0, result.output
    assert "No Ollama answers at http://127.0.0.1:9." in result.stdout
    assert "left at auto" in result.stdout
    assert load(None, {}, folder).settings.engine.default_model == "auto"


async def test_init_never_overwrites_unless_told_to(folder: Path) -> None:
    (folder / "mdsa.toml").write_text("mine")
    result = await mdsa("init")
    assert result.exit_code == 2
    assert "--force" in result.stderr
    assert (folder / "mdsa.toml").read_text() == "mine"
    assert (await mdsa("init", "--force")).exit_code == 0
    assert load(None, {}, folder).settings.domains


async def test_init_writes_elsewhere_and_tells_how_to_use_it(folder: Path) -> None:
    result = await mdsa("init", "--path", "etc/my.toml")
    assert result.exit_code == 0, result.output
    assert f"mdsa serve --config {Path('etc/my.toml')}" in result.stdout
    assert load(folder / "etc" / "my.toml", {}, folder).settings.domains


async def test_init_says_when_it_cannot_write(folder: Path) -> None:
    (folder / "file").write_text("")
    result = await mdsa("init", "--path", "file/my.toml")
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr


# --- schema


async def test_schema_prints_the_published_schema() -> None:
    result = await mdsa("schema")
    assert result.stdout == (bundled.docs() / "mdsa.schema.json").read_text("utf-8")
