"""Files sent to the server: taken in under their names, told event by event, and refused clearly."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, make_settings, running

UPLOAD = "/api/documents/upload"
EVENTS = {"Accept": "text/event-stream"}
BOUNDARY = {"Content-Type": "multipart/form-data; boundary=x"}
NOTE = b"# Pump\n\nOil the bearing every week.\n"

Part = tuple[str, tuple[str, bytes]]


@pytest.fixture
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    settings = make_settings(tmp_path / "data", engine=engine.url, knowledge={"max_document_mb": 0.05})
    async with running(settings) as server:
        yield server


def part(name: str, content: bytes = NOTE) -> Part:
    return ("files", (name, content))


async def sent(client: httpx.AsyncClient, *parts: Part, **fields: str) -> httpx.Response:
    return await client.post(UPLOAD, files=list(parts), data={"collection": "manuals"} | fields, timeout=60)


async def sources(client: httpx.AsyncClient) -> list[str]:
    return [one["source"] for one in (await client.get("/api/documents")).json()["documents"]]


async def test_files_are_taken_in_under_their_names_with_tags(client: httpx.AsyncClient) -> None:
    answer = await sent(client, part("pump.md"), part("stove.md", b"Sweep the chimney."), tags="old, old,  by hand ")
    assert (answer.status_code, answer.json()["finished"]["new"]) == (200, 2), answer.text
    pump, stove = (await client.get("/api/documents")).json()["documents"]
    assert (pump["source"], stove["source"]) == ("pump.md", "stove.md")
    assert (pump["title"], pump["collection"], pump["tags"]) == ("Pump", "manuals", ["old", "by hand"])
    assert pump["bytes"] == len(NOTE)


async def test_a_file_that_is_sent_again_is_passed_over_and_a_changed_one_replaces_it(
    client: httpx.AsyncClient,
) -> None:
    for content, outcome in ((NOTE, "new"), (NOTE, "unchanged"), (NOTE + b"\nAnd grease it.\n", "changed")):
        finished = (await sent(client, part("pump.md", content))).json()["finished"]
        assert finished[outcome] == 1, outcome
    assert await sources(client) == ["pump.md"]


async def test_a_file_that_cannot_be_read_is_refused_and_the_others_are_taken_in(client: httpx.AsyncClient) -> None:
    large = part("large.txt", b"word " * 20_000)
    answer = (await sent(client, part("pump.md"), part("empty.md", b""), large)).json()
    assert answer["finished"]["new"] == 1
    told = {one["source"]: one["problem"] for one in answer["refused"]}
    assert set(told) == {"empty.md", "large.txt"}
    assert "has 100,000 bytes, and a document may have 50,000" in told["large.txt"]["detail"]
    assert all(problem["mend"] for problem in told.values())


def form(*parts: bytes) -> bytes:
    return b"".join(b"--x\r\nContent-Disposition: form-data; %b\r\n" % one for one in parts) + b"--x--\r\n"


COLLECTION = b'name="collection"\r\n\r\nmanuals'


NAMES = {
    "../../etc/passwd": "passwd",
    "/etc/hosts.md": "hosts.md",
    "C:\\notes\\pump.md": "pump.md",
    'a "quoted" name.md': 'a "quoted" name.md',
    "🙂.md": "🙂.md",
    "<b>.md": "<b>.md",
    "two\nlines.md": "two lines.md",
    "pumps/./care/README.md": "pumps/care/README.md",
    "pumps/../../TODO.md": "TODO.md",
    "pumps//NEWS.md": "NEWS.md",
    "no\0thing.md": "no thing.md",
    # What turns the direction of writing round would show another ending.
    "ma\u202edm.exe.md": "ma dm.exe.md",
    "CON": "CON",
    "~root": "~root",
    "x" * 1000 + ".md": "x" * 397 + ".md",
}
"""Names that are sent, and what is kept of them: never anything that leads out of the folder that was sent."""


async def test_a_files_name_may_lead_into_folders_and_nowhere_else(client: httpx.AsyncClient) -> None:
    for number, name in enumerate(NAMES):
        # Written here, because the client would write some of these otherwise than a hostile one does.
        named = name.replace('"', "%22").replace("\n", "%0A").encode()
        file = b'name="files"; filename="%b"\r\n\r\nNote %d.\r\n' % (named, number)
        answer = await client.post(UPLOAD, content=form(COLLECTION + b"\r\n", file), headers=BOUNDARY)
        assert (answer.status_code, answer.json()["finished"]["new"]) == (200, 1), (name, answer.text)
    assert sorted(await sources(client)) == sorted(NAMES.values())


async def test_of_two_files_of_one_name_the_second_is_refused_and_the_others_are_taken_in(
    client: httpx.AsyncClient,
) -> None:
    parts = [part("README.md"), part("stove.md", b"Sweep it."), part("README.md", b"Another."), part("x/README.md")]
    answer = (await sent(client, *parts)).json()
    assert answer["finished"]["new"] == 3
    (refused,) = answer["refused"]
    assert "two files are called README.md" in refused["problem"]["detail"]
    assert refused["problem"]["mend"]
    assert await sources(client) == ["README.md", "stove.md", "x/README.md"]
    (found, *_) = (await client.post("/api/search", json={"message": "bearing", "source": "README.md"})).json()[
        "passages"
    ]
    assert "Oil the bearing" in found["text"]


async def test_many_files_are_held_in_one(client: httpx.AsyncClient, server: RunningServer) -> None:
    before = psutil.Process().num_fds()
    content = b"Note. " * 8_000
    async with server.app.state.rooms.library._one_at_a_time:
        answer = asyncio.create_task(sent(client, *[part(f"{number}.txt", content) for number in range(10)]))
        while not server.app.state.rooms.ingestions.all():  # noqa: ASYNC110  # no event tells of a request
            await asyncio.sleep(0.01)
        assert psutil.Process().num_fds() - before < 10
    assert (await answer).json()["finished"]["new"] == 10


async def test_a_hundred_files_are_taken_in_at_once(client: httpx.AsyncClient) -> None:
    parts = [part(f"{number}.txt", b"Note %d." % number) for number in range(100)]
    answer = await sent(client, *parts)
    assert answer.json()["finished"]["new"] == 100, answer.text


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (form(COLLECTION), "no files"),
        (form(COLLECTION, b'name="files"; filename=""\r\n\r\n'), "no files"),
        (form(b'name="files"; filename="a.md"\r\n\r\nText.'), "collection"),
        (form(b'name="collection"\r\n\r\n  ', b'name="files"; filename="a.md"\r\n\r\nText.'), "collection"),
        (form(b'name="collection"\r\n\r\n\xff', b'name="files"; filename="a.md"\r\n\r\nText.'), "not UTF-8"),
        (form(b'name="tags"\r\n\r\n' + b"x" * 20_000), "tags has more than"),
        (form(b'name="files"; filename="dir/"\r\n\r\nText.'), "has no name"),
        (form(COLLECTION, b'name="files"; filename="a.md"\r\n\r\nText.')[:-9], "broke off"),
        (b"no form at all", "broke off"),
        (b"", "broke off"),
    ],
)
async def test_what_cannot_be_taken_in_is_told(client: httpx.AsyncClient, body: bytes, told: str) -> None:
    body = body.replace(b"\r\n--x", b"--x").replace(b"--x", b"\r\n--x")
    answer = await client.post(UPLOAD, content=body, headers=BOUNDARY)
    assert (answer.status_code, told in answer.json()["detail"]) == (400, True), answer.text
    assert answer.json()["mend"]
    assert await sources(client) == []


@pytest.mark.parametrize(
    ("field", "told"), [('files"; filename="%d.md', "more than 1,000 files"), ("f%d", "the form is too much")]
)
async def test_more_files_than_are_taken_at_once_are_told(client: httpx.AsyncClient, field: str, told: str) -> None:
    body = form(*[f'name="{field % n}"\r\n\r\nText.'.encode() for n in range(1100)])
    body = body.replace(b"\r\n--x", b"--x").replace(b"--x", b"\r\n--x")
    answer = await client.post(UPLOAD, content=body, headers=BOUNDARY)
    assert (answer.status_code, answer.json()["code"]) == (413, "upload-too-large"), answer.text
    assert (told in answer.json()["detail"], "1,000" in answer.json()["mend"]) == (True, True)
    assert await sources(client) == []


PAGE = b"<!DOCTYPE html><title>A <script>alert(1)</script></title><p>Oil it.<img src=x onerror=y>"


async def test_a_page_that_was_sent_never_comes_back_as_one(client: httpx.AsyncClient) -> None:
    """Wherever it is shown or told: as text within our own page, or as data that no browser takes for a page."""
    assert (await sent(client, part("<img src=x>.html", PAGE))).json()["finished"]["new"] == 1
    (document,) = (await client.get("/api/documents")).json()["documents"]
    told = ["/api/documents", f"/api/documents/{document['id']}", "/api/ingestions"]
    shown = ["/documents", f"/documents/{document['id']}", "/documents/search?text=oil"]
    for address in (*told, *shown):
        answer = await client.get(address, headers={"Accept": "text/html"})
        assert (answer.status_code, answer.headers["X-Content-Type-Options"]) == (200, "nosniff"), address
        assert answer.headers["Content-Type"].startswith("application/json" if address in told else "text/html")
        if address in shown:
            assert "<script>alert" not in answer.text, address
            assert "<img src=x" not in answer.text, address


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data", "text/plain; boundary=x", "nonsense"])
async def test_another_kind_of_body_is_told(client: httpx.AsyncClient, kind: str) -> None:
    answer = await client.post(UPLOAD, content=b"{}", headers={"Content-Type": kind})
    assert (answer.status_code, "multipart/form-data" in answer.json()["detail"]) == (400, True), answer.text


@pytest.mark.parametrize("announced", [True, False])
async def test_files_that_are_together_too_large_are_told(client: httpx.AsyncClient, announced: bool) -> None:
    body = form(COLLECTION, b'name="files"; filename="a.txt"\r\n\r\n' + b"word " * 400_000)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    content = body if announced else pieces()
    answer = await client.post(UPLOAD, content=content, headers=BOUNDARY)
    assert (answer.status_code, answer.json()["code"]) == (413, "upload-too-large"), answer.text
    assert "max_document_mb" in answer.json()["mend"]


async def test_an_upload_that_breaks_off_leaves_nothing(server: RunningServer) -> None:
    address = urlsplit(server.url)
    assert address.hostname
    assert address.port
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    head = f"POST {UPLOAD} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: 500000\r\n"
    head += f"Content-Type: {BOUNDARY['Content-Type']}\r\n\r\n"
    writer.write(head.encode() + form(COLLECTION, b'name="files"; filename="a.txt"\r\n\r\n' + b"word " * 20_000)[:-20])
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await sent(server.client, part("pump.md"))).status_code == 200
    assert await sources(server.client) == ["pump.md"]


async def test_a_client_that_leaves_ends_nothing_and_may_follow_again(client: httpx.AsyncClient) -> None:
    files = [part(f"{number}.txt", b"Note %d." % number) for number in range(20)]
    request = client.stream("POST", UPLOAD, files=files, data={"collection": "manuals"}, headers=EVENTS, timeout=60)
    async with request as answer:
        events = answer.headers["location"]
        assert await anext(answer.aiter_lines()) == "id: 1"

    whole = (await client.get(events, timeout=60)).text.split("\n\n")[:-1]
    assert whole[0].startswith("id: 1\nevent: ingestion_started\n")
    assert whole[-1].splitlines()[1] == "event: ingestion_finished"
    assert json.loads(whole[-1].splitlines()[2].removeprefix("data: "))["new"] == 20
    rest = (await client.get(events, headers={"Last-Event-ID": "5"})).text.split("\n\n")[:-1]
    assert rest == whole[5:]
    (known,) = (await client.get("/api/ingestions")).json()["ingestions"]
    assert events == f"/api/ingestions/{known['id']}/events"
    assert (known["ended"], known["documents"], known["of_documents"]) == (True, 20, 20)


async def test_an_ingestion_that_is_not_known_is_told(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/ingestions/nothing/events", headers=EVENTS)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown-ingestion")
