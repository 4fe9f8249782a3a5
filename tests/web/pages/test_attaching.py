"""Documents are attached in the chat by the form of the page of documents, and it says who answers from them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import DOMAINS, RunningServer, make_settings, running
from tests.web.pages.documents import HTMX, PLAIN, page, sent, taken_in


@pytest.fixture
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    domains = DOMAINS | {
        "code": {"description": "Programs", "keywords": ["python"], "collections": ["manuals", "parts"]}
    }
    async with running(make_settings(tmp_path / "data", engine=engine.url, domains=domains)) as server:
        yield server


async def test_the_chat_offers_the_collections_of_domains_and_those_that_are_kept(server: RunningServer) -> None:
    await taken_in(server, {"note.md": "A note."}, "notes")
    shown = await page(server, "/chat")
    assert '<option value="manuals" label="manuals, read by code">' in shown
    assert '<option value="notes">' in shown
    assert "is read by code" in shown
    assert 'popovertarget="attach"' in shown


async def test_the_collection_of_the_domain_that_answered_is_written_already(server: RunningServer) -> None:
    answered = await server.client.post("/api/chat", json={"message": "python?"})
    shown = await page(server, f"/chat/{answered.json()['turn']['conversation']}")
    assert 'list="known-collections" value="manuals"' in shown
    assert 'list="known-collections" value=""' in await page(server, "/chat")


@pytest.mark.parametrize(
    ("collection", "told"), [("manuals", ">code</span> answers from it"), ("notes", "No domain answers from it yet")]
)
async def test_once_documents_are_taken_in_it_is_said_who_answers_from_them(
    server: RunningServer, collection: str, told: str
) -> None:
    answer = await sent(server, HTMX, {"pump.md": "# Pump\n\nIt pumps.\n"}, collection=collection)
    ingestion = answer.text.partition('id="ingestion-')[2].partition('"')[0]
    async with server.client.stream("GET", f"/documents/ingestions/{ingestion}/stream", timeout=60) as stream:
        frames = (await stream.aread()).decode()
    assert told in frames


async def test_what_is_being_taken_in_stands_above_the_composer(server: RunningServer) -> None:
    shown = await page(server, "/chat")
    assert shown.index('id="ingestions"') < shown.index('id="composer"') < shown.index('id="attach"')


async def test_a_collection_is_read_anew_and_deleted_by_plain_forms(server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "pump.md").write_text("# Pump\n\nIt pumps.\n")
    body = {"paths": [str(tmp_path / "pump.md")], "collection": "fire & heat"}
    assert (await server.client.post("/api/documents", json=body, timeout=60)).is_success
    form = {"collection": "fire & heat"}
    assert "Read its files anew" in await page(server, "/documents?collection=fire%20%26%20heat")

    again = await server.client.post("/collections/reindex", data=form, headers=PLAIN)
    assert (again.status_code, again.headers["location"]) == (303, "/documents?collection=fire+%26+heat")
    (newest, *_) = (await server.client.get("/api/ingestions")).json()["ingestions"]
    async with server.client.stream("GET", f"/api/ingestions/{newest['id']}/events", timeout=60) as stream:
        assert "ingestion_finished" in (await stream.aread()).decode()

    gone = await server.client.post("/collections/delete", data=form, headers=HTMX)
    assert gone.headers["hx-redirect"] == "/documents"
    assert (await server.client.get("/api/documents")).json()["documents"] == []


@pytest.mark.parametrize("address", ["/collections/reindex", "/collections/delete"])
async def test_a_collection_that_is_not_there_is_named_and_nothing_happens(server: RunningServer, address: str) -> None:
    answer = await server.client.post(address, data={"collection": "manual"}, headers=HTMX)
    assert answer.status_code == 404
    assert "Did you mean manuals?" in answer.text
    assert (await server.client.post(address, data={}, headers=HTMX)).status_code == 400
