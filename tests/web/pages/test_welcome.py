"""The welcome page says what runs, or what is missing and how to get it."""

from pathlib import Path

from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, make_settings, running

NOBODY = "http://127.0.0.1:9"


async def test_it_names_the_engine_its_model_and_the_domains(server: RunningServer, engine: ScriptedOllama) -> None:
    page = (await server.client.get("/")).text

    assert engine.url in page
    assert "scripted:1b" in page
    assert "Questions about programs" in page
    assert "The embedded model is very small" not in page


async def test_without_an_engine_it_says_so_and_looks_again_by_itself(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path, engine=NOBODY)) as server:
        page = (await server.client.get("/")).text

    assert "No engine" in page
    assert "To mend it" in page
    assert 'hx-trigger="every 4s"' in page


async def test_an_engine_without_a_chat_model_is_told_with_the_command_that_fetches_one(tmp_path: Path) -> None:
    embedder = ScriptedModel(name="embedder", capabilities=("embedding",))
    async with ScriptedOllama(embedder) as engine, running(make_settings(tmp_path, engine=engine.url)) as server:
        page = (await server.client.get("/")).text

    assert "mdsa models pull" in page
    assert 'hx-trigger="every 4s"' in page
