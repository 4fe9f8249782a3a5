"""What only shows on a running machine is found: engine, models, plugins, memory."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mdsa_server.configuration.machine import examine
from mdsa_server.vocabulary.findings import Findings
from tests.configuration.configurations import load_text
from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama

NOWHERE = "http://127.0.0.1:9"
"""The port of the discard protocol, where no engine listens."""

EAGER = """
from contextlib import asynccontextmanager
from mdsa_server.plugin_api import Message, hookimpl

@hookimpl
@asynccontextmanager
async def plugin_lifespan(context):
    await context.ask_model([Message(role="user", content="hello")])
    yield
"""


@pytest.fixture
async def engine() -> AsyncIterator[ScriptedOllama]:
    models = ScriptedModel(name="chatty:1b"), ScriptedModel(name="huge:1t", size=10**15)
    async with ScriptedOllama(*models) as engine:
        yield engine


async def examined(folder: Path, engine_url: str, text: str = "") -> Findings:
    """Examine the domain `general` with an engine at `engine_url`; `text` is what else the file says."""
    head = '[domains.general]\ndescription = "Anything"\n'
    return await examine(load_text(folder, head + text, overrides={"engine.url": engine_url}), {})


async def test_what_is_in_order_is_told_too(tmp_path: Path, engine: ScriptedOllama) -> None:
    findings = await examined(tmp_path, engine.url, 'model = "chatty:1b"\nexamples = ["Hello"]')
    assert (findings.faults, findings.warnings) == ([], [])
    assert set(findings.fine) == {
        *("domains", "examples", "plugins", "embedding", "engine", "models", "options", "residency", "memory")
    }
    assert findings.fine["engine"] == f"Ollama 0.9.3 at {engine.url}"


async def test_what_is_said_of_documents_and_would_not_work_is_a_warning(
    tmp_path: Path, engine: ScriptedOllama
) -> None:
    text = 'folders = ["missing"]\n[knowledge]\npassage_tokens = 5000'
    findings = await examined(tmp_path, engine.url, text)
    assert [warning.key for warning in findings.warnings] == ["domains.general.folders", "knowledge.passage_tokens"]
    assert "reads the first 256 of a passage" in findings.warnings[1].what


async def test_the_model_of_domains_that_name_none_is_told(tmp_path: Path, engine: ScriptedOllama) -> None:
    findings = await examined(tmp_path, engine.url)
    assert findings.fine["default model"] in ("chatty:1b", "huge:1t")


async def test_an_engine_that_does_not_answer_is_a_warning_since_the_server_starts_all_the_same(tmp_path: Path) -> None:
    findings = await examined(tmp_path, NOWHERE)
    (warning,) = findings.warnings
    assert (warning.place, warning.key) == ("command line", "engine.url")
    assert NOWHERE in warning.what
    assert "ollama serve" in warning.mend
    assert findings.faults == []


async def test_an_embedding_model_that_is_not_on_this_machine_is_a_warning(
    tmp_path: Path, engine: ScriptedOllama
) -> None:
    findings = await examined(tmp_path, engine.url, 'model = "chatty:1b"\n[embedding]\nmodel = "nobody/knows-this"')
    assert [(warning.line, warning.key) for warning in findings.warnings] == [(5, "embedding.model")]


async def test_an_embedding_model_that_may_be_fetched_is_none(tmp_path: Path, engine: ScriptedOllama) -> None:
    text = 'model = "chatty:1b"\n[embedding]\nmodel = "nobody/knows-this"\noffline = false'
    findings = await examined(tmp_path, engine.url, text)
    assert findings.warnings == []
    assert findings.fine["embedding"] == "nobody/knows-this, fetched when first needed"


async def test_a_model_that_is_not_pulled_is_a_warning(tmp_path: Path, engine: ScriptedOllama) -> None:
    findings = await examined(tmp_path, engine.url, 'model = "absent:1b"')
    assert [warning.mend for warning in findings.warnings] == ["Fetch it: mdsa models pull absent:1b"]


async def test_an_engine_without_a_chat_model_is_a_warning(tmp_path: Path) -> None:
    embedding = ScriptedModel(name="embed", capabilities=("embedding",))
    async with ScriptedOllama(embedding) as engine:
        findings = await examined(tmp_path, engine.url)
    (warning,) = findings.warnings
    assert "no chat model" in warning.what
    assert "mdsa models pull" in warning.mend


async def test_models_larger_than_the_machine_are_a_warning(tmp_path: Path, engine: ScriptedOllama) -> None:
    findings = await examined(tmp_path, engine.url, 'model = "huge:1t"')
    (warning,) = findings.warnings
    assert "1000000.0 GB" in warning.what


async def test_domains_that_make_the_engine_reload_are_a_warning(tmp_path: Path, engine: ScriptedOllama) -> None:
    text = """\
    model = "chatty:1b"
    options = { num_ctx = 1024 }
    [domains.other]
    description = "x"
    model = "chatty:1b"
    """
    findings = await examined(tmp_path, engine.url, text)
    (warning,) = findings.warnings
    assert warning.key == "domains.general.options.num_ctx"


async def test_they_are_one_without_an_engine_too(tmp_path: Path) -> None:
    text = 'options = { num_ctx = 1024 }\n[domains.other]\ndescription = "x"\n'
    findings = await examined(tmp_path, NOWHERE, text)
    assert [warning.key for warning in findings.warnings] == ["engine.url", "domains.general.options.num_ctx"]


async def test_a_setting_that_a_plugin_cannot_use_is_a_fault_at_its_line(
    tmp_path: Path, engine: ScriptedOllama
) -> None:
    findings = await examined(tmp_path, engine.url, 'model = "chatty:1b"\n[plugins.clock]\nzone = 7')
    (fault,) = findings.faults
    assert (fault.line, fault.key) == (5, "plugins.clock.zone")
    assert fault.what == 'expected "str", got "int"'
    assert findings.warnings == []


async def test_a_plugin_that_asks_a_model_while_it_is_only_looked_at_is_told(
    tmp_path: Path, engine: ScriptedOllama
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "eager.py").write_text(EAGER)
    text = 'model = "chatty:1b"\n[plugin_host]\ndirectories = ["mine"]'
    findings = await examined(tmp_path, engine.url, text)
    (warning,) = findings.warnings
    assert "No model is asked while the configuration is checked." in warning.what
    assert engine.asked("/api/chat") == []


async def test_an_option_that_the_engine_does_not_know_is_a_warning(tmp_path: Path, engine: ScriptedOllama) -> None:
    findings = await examined(tmp_path, engine.url, 'model = "chatty:1b"\noptions = { temprature = 0.2 }')
    assert [(warning.line, warning.mend) for warning in findings.warnings] == [(4, "Did you mean temperature?")]


async def test_examples_in_two_domains_are_a_warning(tmp_path: Path, engine: ScriptedOllama) -> None:
    text = (
        'examples = ["a"]\n[domains.other]\ndescription = "x"\nexamples = ["A"]\n[engine]\ndefault_model = "chatty:1b"'
    )
    findings = await examined(tmp_path, engine.url, text)
    assert [warning.key for warning in findings.warnings] == ["domains.other.examples"]
    assert "examples" not in findings.fine


async def test_a_tool_that_no_plugin_offers_is_a_fault(tmp_path: Path, engine: ScriptedOllama) -> None:
    findings = await examined(tmp_path, engine.url, 'model = "chatty:1b"\ntools = ["teleport"]')
    assert [fault.key for fault in findings.faults] == ["domains.general.tools"]


async def test_a_tool_that_a_plugin_in_quarantine_may_have_offered_is_a_warning(
    tmp_path: Path, engine: ScriptedOllama
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "broken.py").write_text("raise RuntimeError('no luck')")
    text = 'model = "chatty:1b"\ntools = ["teleport"]\n[plugin_host]\ndirectories = ["mine"]'
    findings = await examined(tmp_path, engine.url, text)
    assert findings.faults == []
    tool, plugin = findings.warnings
    assert tool.key == "domains.general.tools"
    assert tool.mend == "broken may offer it, and is out of use: mdsa plugins says why."
    assert plugin.file.endswith("broken.py")
    assert "no luck" in plugin.what


async def test_a_router_that_no_plugin_offers_is_a_fault(tmp_path: Path, engine: ScriptedOllama) -> None:
    findings = await examined(tmp_path, engine.url, 'model = "chatty:1b"\n[routing]\nrouters = ["keyword_ruter"]')
    assert [fault.mend for fault in findings.faults] == ["Did you mean keyword_router?"]


async def test_a_tool_of_an_mcp_server_that_does_not_start_is_a_warning_with_the_reason(
    tmp_path: Path, engine: ScriptedOllama
) -> None:
    text = (
        'model = "chatty:1b"\ntools = ["now", "mcp.files.*", "mcp.notes.read"]\n'
        '[plugins.mcp_tools.servers.files]\ncommand = ["no-such-program"]'
    )
    findings = await examined(tmp_path, engine.url, text)
    (fault,) = findings.faults
    assert (fault.line, fault.what) == (4, 'no plugin offers a tool named "mcp.notes.read"')
    (warning,) = findings.warnings
    assert warning.line == 4
    assert warning.what.startswith(
        '"mcp.files.*" is not on offer now: the MCP server files is down: it cannot be started'
    )
