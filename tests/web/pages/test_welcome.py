"""The welcome page says what runs, or what is missing and how to get it."""

from pathlib import Path

import pytest

from mdsa_server.errors import ConfigurationInvalid
from mdsa_server.settings import Settings
from mdsa_server.vocabulary.fault import Fault
from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import DOMAINS, RunningServer, make_settings, running
from tests.web.api.reading import rooms_of

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


async def test_an_engine_that_went_away_is_not_said_to_run(tmp_path: Path) -> None:
    engine = await ScriptedOllama(ScriptedModel(name="scripted:1b")).__aenter__()
    async with running(make_settings(tmp_path, engine=engine.url)) as server:
        await engine.__aexit__(None, None, None)
        await rooms_of(server).engine.find()
        runs = (await server.client.get("/")).text.split('id="engine"')[1]

    assert "<em>does not answer</em>" in runs
    assert "scripted:1b" not in runs


async def test_an_engine_without_a_chat_model_is_told_with_the_command_that_fetches_one(tmp_path: Path) -> None:
    embedder = ScriptedModel(name="embedder", capabilities=("embedding",))
    async with ScriptedOllama(embedder) as engine, running(make_settings(tmp_path, engine=engine.url)) as server:
        page = (await server.client.get("/")).text

    assert "mdsa models pull" in page
    assert 'hx-trigger="every 4s"' in page


@pytest.mark.parametrize(("headers", "whole"), [({"HX-Request": "true"}, False), ({}, True)], ids=["htmx", "form"])
async def test_the_configuration_is_read_again_and_what_came_of_it_is_shown(
    tmp_path: Path, engine: ScriptedOllama, headers: dict[str, str], whole: bool
) -> None:
    cooking = {"cooking": {"description": "Food and recipes", "model": "absent:7b"}}
    later = make_settings(tmp_path, engine=engine.url, domains=DOMAINS | cooking)
    later = later.model_copy(update={"server": later.server.model_copy(update={"max_message_chars": 7})})
    async with running(make_settings(tmp_path, engine=engine.url), reread=lambda: later) as server:
        answer = await server.client.post("/reload", headers=headers | {"Accept": "text/html"})

        assert ("<!doctype html>" in answer.text) == whole
        assert "3 domains" in answer.text
        assert "Food and recipes" in answer.text
        assert "1 warning" in answer.text
        assert "absent:7b" in answer.text
        assert "server.max_message_chars" in answer.text
        assert "Read again" not in (await server.client.get("/")).text


async def test_the_faults_of_a_configuration_are_shown_with_their_places(
    tmp_path: Path, engine: ScriptedOllama
) -> None:
    fault = Fault(file="mdsa.toml", line=14, key="server.prot", what="is not known", mend="Did you mean port?")

    def reread() -> Settings:
        raise ConfigurationInvalid("mdsa.toml has a fault", faults=[fault])

    async with running(make_settings(tmp_path, engine=engine.url), reread=reread) as server:
        answer = await server.client.post("/reload", headers={"HX-Request": "true"})

    assert answer.status_code == 422
    assert "mdsa.toml:14: server.prot: is not known" in answer.text
    assert "<html" not in answer.text
