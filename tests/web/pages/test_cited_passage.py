"""A source of an old answer still opens once its document is gone: the passage as the answer was given it."""

from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import pytest

from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import DOMAINS, RunningServer, make_settings, running
from tests.web.api.reading import ask

HTMX = {"HX-Request": "true", "Accept": "text/html"}


@pytest.fixture
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    domains = {"general": DOMAINS["general"] | {"collections": ["manuals"]}}
    async with running(make_settings(tmp_path / "data", engine=engine.url, domains=domains)) as server:
        yield server


async def taken_in(server: RunningServer, text: str) -> None:
    parts = [("files", ("pump.md", f"# The pump\n\n## Care\n\n{text}\n".encode()))]
    answer = await server.client.post("/api/documents/upload", files=parts, data={"collection": "manuals"}, timeout=60)
    assert answer.status_code == 200, answer.text


async def test_the_passage_that_an_answer_was_given_is_shown_when_its_document_is_gone(server: RunningServer) -> None:
    await taken_in(server, "Oil the bearing every week.")
    said = await ask(server.client, "How often is the bearing of the pump oiled?")
    page = (await server.client.get(f"/chat/{said['conversation']}", headers={"Accept": "text/html"})).text
    source = unescape(page.partition('hx-get="/documents/')[2].partition('"')[0])
    there = await server.client.get(f"/documents/{source}", headers=HTMX)
    assert ("Oil the bearing every week." in there.text, "taken in anew" in there.text) == (True, False)
    await taken_in(server, "Grease the bearing every year.")
    gone = await server.client.get(f"/documents/{source}", headers=HTMX)
    assert gone.status_code == 200, gone.text
    assert "Oil the bearing every week." in gone.text
    assert "taken in anew" in gone.text
    assert "The pump" in gone.text
    for other in ("number=9", "number=0"):
        strange = source.replace("number=1", other)
        assert (await server.client.get(f"/documents/{strange}", headers=HTMX)).status_code == 404
    strange = source.replace("turn=", "turn=x")
    assert (await server.client.get(f"/documents/{strange}", headers=HTMX)).status_code == 404
