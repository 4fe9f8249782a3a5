"""Documents over REST: taken in with events, listed, read, searched, deleted; with the real embedding model."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, make_settings, running


@pytest.fixture
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    async with running(make_settings(tmp_path / "data", engine=engine.url)) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "manuals"
    folder.mkdir()
    (folder / "pump.md").write_text("# Pump\n\n## Care\n\nOil the bearing every week.\n")
    (folder / "stove.md").write_text("# Stove\n\nSweep the chimney once a year.\n")
    return folder


async def taken_in(client: httpx.AsyncClient, *paths: Path, collection: str = "manuals") -> httpx.Response:
    body = {"paths": list(map(str, paths)), "collection": collection}
    return await client.post("/api/documents", json=body, timeout=60)


async def test_documents_are_taken_in_listed_read_searched_and_deleted(client: httpx.AsyncClient, folder: Path) -> None:
    answer = (await taken_in(client, folder)).json()
    assert (answer["finished"]["new"], answer["refused"]) == (2, [])
    assert (await client.get("/api/collections")).json() == {
        "collections": [{"name": "manuals", "documents": 2, "passages": 2}],
        "embedding": None,
    }
    pump, stove = (await client.get("/api/documents", params={"collection": "manuals"})).json()["documents"]
    assert (pump["title"], stove["title"]) == ("Pump", "Stove")
    whole = (await client.get(f"/api/documents/{pump['id']}")).json()
    assert "".join(passage["text"] for passage in whole["passages"]) == (folder / "pump.md").read_text()
    (found, *_) = (await client.post("/api/search", json={"message": "lubricate the bearing"})).json()["passages"]
    assert (found["document"], found["place"], found["collection"]) == (pump["id"], 0, "manuals")
    assert (await client.delete(f"/api/documents/{pump['id']}")).status_code == 204
    assert (await client.get(f"/api/documents/{pump['id']}")).json()["code"] == "unknown-document"
    assert (folder / "pump.md").exists()


async def test_an_ingestion_is_told_event_by_event(client: httpx.AsyncClient, folder: Path) -> None:
    (folder / "empty.md").write_text("")
    body = {"paths": [str(folder)], "collection": "manuals"}
    async with client.stream("POST", "/api/documents", json=body, headers={"Accept": "text/event-stream"}) as answer:
        lines = [line async for line in answer.aiter_lines()]
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    assert (names[0], names[-1]) == ("ingestion_started", "ingestion_finished")
    ends = sorted(name for name in names[1:-1] if name != "document_begun")
    assert ends == ["document_ingested", "document_ingested", "document_refused"]
    assert names.count("document_begun") == 3
    (refused,) = (json.loads(line[6:]) for line in lines if line.startswith("data: ") and "document_refused" in line)
    assert refused["problem"]["mend"]


async def test_a_folder_is_synced(client: httpx.AsyncClient, folder: Path) -> None:
    body = {"folder": str(folder), "collection": "manuals"}
    assert (await client.post("/api/documents/sync", json=body)).json()["finished"]["new"] == 2
    (folder / "pump.md").unlink()
    finished = (await client.post("/api/documents/sync", json=body)).json()["finished"]
    assert (finished["gone"], finished["unchanged"]) == (1, 1)


async def test_a_search_is_narrowed_by_what_is_asked(client: httpx.AsyncClient, folder: Path) -> None:
    await taken_in(client, folder / "pump.md", collection="water")
    await taken_in(client, folder / "stove.md", collection="fire")
    for wanted, titles in (
        ({"collections": ["fire"]}, ["Stove"]),
        ({"source": "*pump*"}, ["Pump"]),
        ({"types": ["pdf"]}, []),
        ({"tags": ["old"]}, []),
        ({"since": "2000-01-01T00:00:00Z", "most": 1}, ["Pump"]),
        ({"until": "2000-01-01T00:00:00Z"}, []),
    ):
        answer = await client.post("/api/search", json={"message": "oil the bearing", **wanted})
        assert [one["title"] for one in answer.json()["passages"]] == titles, wanted


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        ("/api/documents", {"paths": ["/no/such/file.md"], "collection": "x"}, 422, "/no/such/file.md"),
        ("/api/documents", {"paths": [], "collection": "x"}, 400, "paths"),
        ("/api/documents", {"paths": ["/tmp"], "collection": "  "}, 400, "collection"),
        ("/api/documents", {"paths": [""], "collection": "x"}, 400, "not absolute"),
        ("/api/documents", {"paths": ["manuals"], "collection": "x"}, 400, "not absolute"),
        ("/api/documents", {"paths": ["~nosuchuser/x"], "collection": "x"}, 400, "~nosuchuser/x"),
        ("/api/documents", {"paths": ["/" + "x" * 5_000], "collection": "x"}, 422, "leads to no file"),
        ("/api/documents", {"paths": ["/x" * 3_000], "collection": "x"}, 422, "leads to no file"),
        ("/api/documents", {"paths": ["/tmp"], "collection": "x", "tags": ["t" * 5_000]}, 400, "tag"),
        ("/api/documents/sync", {"folder": "relative", "collection": "x"}, 400, "not absolute"),
        ("/api/documents/sync", {"folder": "", "collection": "x"}, 400, "not absolute"),
        ("/api/documents/sync", {"folder": "/" + "x" * 5_000, "collection": "x"}, 422, "is no folder"),
        ("/api/documents/sync", {"folder": "/a\0b", "collection": "x"}, 400, "not absolute"),
        ("/api/documents/sync", {"folder": "/no/such", "collection": "x"}, 422, "/no/such is no folder"),
        ("/api/search", {"message": "x", "most": 0}, 400, "most"),
        ("/api/search", {"message": "x", "since": "yesterday"}, 400, "since"),
        ("/api/search", {"message": "x", "until": "2024-02-31"}, 400, "until"),
        ("/api/search", {"message": ""}, 400, "message"),
        ("/api/search", {"message": " ?!. "}, 400, "message"),
        ("/api/search", {"message": "x", "collections": ["typo"]}, 404, "typo"),
        ("/api/documents/reindex", {"collection": "typo"}, 404, "typo"),
        ("/api/search", {}, 400, "message"),
    ],
)
async def test_what_cannot_be_done_is_told(
    client: httpx.AsyncClient, path: str, body: dict[str, object], status: int, told: str
) -> None:
    answer = await client.post(path, json=body)
    assert (answer.status_code, told in answer.json()["detail"]) == (status, True), answer.text


async def test_odd_messages_find_nothing_or_something_but_never_fail(client: httpx.AsyncClient, folder: Path) -> None:
    await taken_in(client, folder)
    for message in ("a OR", "NEAR(", "x" * 50_000, "🙂 7", "a*", 'a"'):
        answer = await client.post("/api/search", json={"message": message})
        assert answer.status_code == 200, (message[:20], answer.text)


async def test_a_collection_is_read_anew(client: httpx.AsyncClient, folder: Path) -> None:
    await taken_in(client, folder)
    answer = await client.post("/api/documents/reindex", json={"collection": "manuals"})
    finished = answer.json()["finished"]
    assert (finished["changed"], finished["unchanged"], finished["passages"]) == (0, 2, 2)


async def test_a_search_is_narrowed_by_dates(client: httpx.AsyncClient, folder: Path) -> None:
    os.utime(folder / "pump.md", (1.7e9, datetime(2024, 1, 1, 12, tzinfo=UTC).timestamp()))
    await taken_in(client, folder / "pump.md")
    for wanted, found in (
        ({"since": "2024-01-01"}, 1),
        ({"since": "2024-01-01T12:00:00"}, 1),
        ({"since": "2024-01-01T13:00:00+01:00"}, 1),
        ({"since": "2024-01-01T12:00:01Z"}, 0),
        ({"until": "2024-01-02"}, 1),
        ({"until": "2024-01-01"}, 0),
        ({"since": "0001-01-01T00:00:00", "until": "9999-12-31T23:59:59-23:00"}, 1),
    ):
        answer = await client.post("/api/search", json={"message": "bearing", **wanted})
        assert (answer.status_code, len(answer.json()["passages"])) == (200, found), (wanted, answer.text)


async def test_a_collection_is_deleted_with_its_documents_alone(client: httpx.AsyncClient, folder: Path) -> None:
    await taken_in(client, folder, collection="a b/c")
    await taken_in(client, folder / "pump.md", collection="other")
    answer = await client.delete("/api/collections/a%20b%2Fc")
    assert (answer.status_code, answer.json()) == (200, {"documents": 2})
    assert [one["name"] for one in (await client.get("/api/collections")).json()["collections"]] == ["other"]
    assert (await client.post("/api/search", json={"message": "chimney"})).json()["passages"][0]["title"] == "Pump"
    again = await client.delete("/api/collections/a%20b%2Fc")
    assert (again.status_code, again.json()["code"]) == (404, "unknown-collection")
    assert (folder / "stove.md").exists()


async def test_a_collection_that_is_not_known_is_told_with_the_one_that_was_meant(
    client: httpx.AsyncClient, folder: Path
) -> None:
    none_yet = await client.get("/api/documents", params={"collection": "manuals"})
    assert (none_yet.status_code, "none yet" in none_yet.json()["mend"]) == (404, True)
    await taken_in(client, folder)
    answer = await client.get("/api/documents", params={"collection": "manual"})
    assert (answer.status_code, answer.json()["mend"]) == (404, "Did you mean manuals?")


async def test_tags_are_read_as_those_of_a_form(client: httpx.AsyncClient, folder: Path) -> None:
    body: dict[str, object] = {"paths": [str(folder / "pump.md")], "collection": "manuals"}
    for tags, kept in (
        ({"tags": ["", "  by   hand ", "old,new", "old"]}, ["by hand", "old", "new"]),
        ({}, ["by hand", "old", "new"]),
        ({"tags": []}, []),
    ):
        assert (await client.post("/api/documents", json=body | tags, timeout=60)).status_code == 200
        assert (await client.get("/api/documents")).json()["documents"][0]["tags"] == kept, tags


async def test_an_ingestion_is_cancelled_while_it_waits_and_while_it_goes_on(
    server: RunningServer, client: httpx.AsyncClient, folder: Path
) -> None:
    library = server.app.state.rooms.library
    body = {"paths": [str(folder)], "collection": "manuals"}
    events = {"Accept": "text/event-stream"}
    async with library._one_at_a_time:
        # Long before its turn comes the stream is there, and says by what name it is cancelled.
        async with client.stream("POST", "/api/documents", json=body, headers=events) as answer:
            address = answer.headers["location"].removesuffix("/events")
            assert (await client.post(f"{address}/cancel")).status_code == 204
            told = [line async for line in answer.aiter_lines()]
        assert "event: ingestion_failed" in told
        assert '"code":"cancelled"' in "".join(told)
    assert (await client.post(f"{address}/cancel")).status_code == 204
    assert (await client.get("/api/documents")).json()["documents"] == []
    assert (await taken_in(client, folder)).json()["finished"]["new"] == 2
    assert (await client.post("/api/ingestions/nothing/cancel")).status_code == 404


async def test_who_waits_for_an_ingestion_that_is_cancelled_is_told(
    server: RunningServer, client: httpx.AsyncClient, folder: Path
) -> None:
    async with server.app.state.rooms.library._one_at_a_time:
        waiting = asyncio.create_task(taken_in(client, folder))
        while not (known := server.app.state.rooms.ingestions.all()):  # noqa: ASYNC110  # no event tells of a request
            await asyncio.sleep(0.01)
        await client.post(f"/api/ingestions/{known[0].id}/cancel")
        answer = await waiting
    assert (answer.status_code, answer.json()["code"]) == (409, "cancelled")
