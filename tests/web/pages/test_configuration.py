"""The page of the configuration shows what is in force and what a check says, and reads the file again."""

from html import unescape
from pathlib import Path

import pytest

from mdsa_server.configuration import load, read
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, make_settings, running

HTMX = {"HX-Request": "true"}
PAGE = {"Accept": "text/html"}
FILE = """\
[store]
path = "data"
[engine]
url = "{engine}"
[routing]
routers = ["keyword_router"]
[server]
max_message_chars = 9
port = 8642
[domains.general]
description = "<b>Everything</b> else"
"""


async def page(server: RunningServer, address: str = "/configuration") -> str:
    answer = await server.client.get(address, headers=PAGE)
    assert answer.status_code == 200
    return answer.text


async def test_every_key_is_there_with_its_sentence(server: RunningServer) -> None:
    text = await page(server)
    for told in ("[server]", "max_message_chars", "The longest message that is taken", "[domains.code]"):
        assert told in text
    assert 'hx-get="/configuration/check" hx-trigger="load"' in text


async def test_only_what_is_set_is_shown_where_that_is_asked_for(tmp_path: Path, engine: ScriptedOllama) -> None:
    (tmp_path / "mdsa.toml").write_text(FILE.format(engine=engine.url))
    settings = load(None, {}, tmp_path).settings
    async with running(settings, reread=lambda: read(None, {}, tmp_path)) as server:
        await server.client.post("/api/reload")
        written = await page(server, "/configuration?only=set")
        changed = await page(server, "/configuration?only=changed")
    assert "keep_turns" not in written
    assert "&lt;b&gt;Everything" in changed
    assert "mdsa.toml:11" in changed


async def test_a_filter_that_there_is_not_is_refused(server: RunningServer) -> None:
    answer = await server.client.get("/configuration?only=nonsense", headers=PAGE)
    assert answer.status_code == 400
    assert "nonsense" in unescape(answer.text)


async def test_the_check_is_a_fragment_and_without_scripts_a_part_of_the_page(server: RunningServer) -> None:
    fragment = (await server.client.get("/configuration/check", headers=HTMX)).text
    assert "No faults, no warnings." in fragment
    assert "<html" not in fragment
    whole = await page(server, "/configuration?check=true")
    assert "No faults, no warnings." in whole
    assert 'hx-trigger="load"' not in whole


@pytest.mark.parametrize(("headers", "whole"), [(HTMX, False), (PAGE, True)], ids=["htmx", "form"])
async def test_reading_again_shows_what_came_of_it(
    tmp_path: Path, engine: ScriptedOllama, headers: dict[str, str], whole: bool
) -> None:
    later = make_settings(tmp_path, engine=engine.url, server={"max_message_chars": 7}, tools={"max_rounds": 9})
    async with running(make_settings(tmp_path, engine=engine.url), reread=lambda: later) as server:
        answer = await server.client.post("/configuration/reload", headers=headers)
        assert answer.status_code == 200
        assert ("<!doctype html>" in answer.text) == whole
        assert "Read again" in answer.text
        assert "server.max_message_chars" in answer.text
        text = await page(server)
    assert "another waits for a restart" in text
    assert "taken up only when the server is started again" in text


async def test_the_faults_of_a_file_are_shown_and_nothing_changes(tmp_path: Path, engine: ScriptedOllama) -> None:
    (tmp_path / "mdsa.toml").write_text("[server]\nprot = 1\n")
    async with running(make_settings(tmp_path, engine=engine.url), reread=lambda: read(None, {}, tmp_path)) as server:
        answer = await server.client.post("/configuration/reload", headers=HTMX)
        found = (await server.client.get("/configuration/check", headers=HTMX)).text
    assert answer.status_code == 422
    assert "mdsa.toml:2" in answer.text
    assert "mdsa.toml:2" in found
    assert "The server would not start with this." in found
