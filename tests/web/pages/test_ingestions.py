"""Ingestions on the page: shown as they go, waited for, cancelled, dismissed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mdsa_server.knowledge.ingest import Tell
from mdsa_server.vocabulary.ingestion import IngestionFinished, IngestionStarted
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, make_settings, running
from tests.web.pages.documents import HTMX, PLAIN, PUMP, page, sent, taken_in


@pytest.fixture
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    async with running(make_settings(tmp_path / "data", engine=engine.url)) as server:
        yield server


async def test_files_are_taken_in_and_shown_as_they_go(server: RunningServer) -> None:
    answer = await sent(server, HTMX, {"pump.md": PUMP, "empty.md": ""}, tags="own")
    assert answer.status_code == 200
    stream = answer.text.partition('hx-sse:connect="')[2].partition('"')[0]
    frames = (await server.client.get(stream, timeout=60)).text
    assert frames.index("event: documents-changed") < frames.index("1 new, 1 refused; 3 passages in")
    assert frames.rstrip().endswith("event: ingestion-ended\ndata:")
    assert "empty.md is empty" in frames
    assert "To mend it" in frames
    again = await page(server, "/documents")
    assert "1 new, 1 refused" in again
    assert "hx-sse:connect" not in again


async def test_an_ingestion_can_be_dismissed_and_is_no_fault_where_it_is_forgotten(server: RunningServer) -> None:
    await taken_in(server, {"pump.md": PUMP})
    dismiss = (await page(server, "/documents")).partition('action="/documents/ingestions/')[2].partition('"')[0]
    for _ in range(2):
        assert (await server.client.post(f"/documents/ingestions/{dismiss}", headers=HTMX)).status_code == 200
    assert "Taken into" not in await page(server, "/documents")
    frames = (await server.client.get("/documents/ingestions/nothing/stream")).text
    assert "The server was started again meanwhile" in frames
    assert frames.rstrip().endswith("event: ingestion-ended\ndata:")


async def test_an_ingestion_that_waits_asks_and_is_followed_once_its_turn_has_come(server: RunningServer) -> None:
    begun = asyncio.Event()

    async def wait(tell: Tell) -> None:
        await begun.wait()
        tell(IngestionStarted(at=0.0, collection="manuals", documents=1, bytes=10))
        await begun.wait()

    ingestion = server.app.state.rooms.ingestions.start("manuals", wait)
    address = f"/documents/ingestions/{ingestion.id}"
    waiting = await page(server, "/documents")
    assert f'hx-get="{address}" hx-trigger="every 2s"' in waiting
    assert "hx-sse:connect" not in waiting
    begun.set()
    await ingestion.first()
    going_on = await page(server, address, **HTMX)
    assert f'hx-sse:connect="{address}/stream"' in going_on
    assert "every 2s" not in going_on
    ingestion.tell(IngestionFinished(at=1.0, new=1, changed=0, unchanged=0, gone=0, refused=0, passages=1))
    ended = await page(server, address, **HTMX)
    assert "1 new; 1 passage in 1.0 s" in ended
    # By which the list hears of it.
    assert f'hx-sse:connect="{address}/stream"' in ended
    assert "The server was started again" in await page(server, "/documents/ingestions/nothing", **HTMX)


async def test_an_ingestion_is_cancelled_from_the_page(server: RunningServer) -> None:
    async with server.app.state.rooms.library._one_at_a_time:
        begun = (await sent(server, HTMX, {"pump.md": PUMP})).text
        cancel = begun.partition('action="/documents/ingestions/')[2].partition('"')[0]
        assert cancel.endswith("/cancel")
        ended = await server.client.post(f"/documents/ingestions/{cancel}", headers=HTMX)
    assert ("Cancelled" in ended.text, "/dismiss" in ended.text) == (True, True), ended.text
    assert "/cancel" not in await page(server, "/documents")
    forgotten = await server.client.post("/documents/ingestions/nothing/cancel", headers=HTMX)
    assert "The server was started again" in forgotten.text
    assert (await server.client.post("/documents/ingestions/nothing/cancel", headers=PLAIN)).status_code == 303
