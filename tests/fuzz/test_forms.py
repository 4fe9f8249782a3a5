"""Uploads whose form is damaged in some way are taken in or refused as a problem, and the server goes on."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import pytest

from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.fuzz.corpus import corpus
from tests.serving import RunningServer, make_settings, running

UPLOAD = "/api/documents/upload"
FORM = "multipart/form-data; boundary=x"
MUTATIONS = 100
WHOLE = (
    b'--x\r\nContent-Disposition: form-data; name="collection"\r\n\r\nmanuals\r\n'
    b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.md"\r\nContent-Type: text/markdown\r\n\r\n'
    b"# Pump\n\nOil it.\r\n--x--\r\n"
)
MARKS = [b"--x", b"--x--", b"\r\n", b"\r", b"\n", b"\0", b'"', b";", b":", b"=", b"\xff", b"filename=", b"%00", b"\\"]

GENERATED = {
    "a header of a megabyte": WHOLE.replace(b"text/markdown", b"x" * 1_000_000),
    "ten thousand headers": WHOLE.replace(b"Content-Type:", b"X-A: b\r\n" * 10_000 + b"Content-Type:"),
    "ten thousand parts": WHOLE.replace(
        b"--x--", b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n" * 10_000
    ),
    "ten thousand parameters": WHOLE.replace(b'; filename="a.md"', b"; a=b" * 10_000 + b'; filename="a.md"'),
    "a name of quotes": WHOLE.replace(b"a.md", b'\\"' * 2_000),
}
TYPES = [
    *("multipart/form-data", "multipart/form-data; boundary=", 'multipart/form-data; boundary="', "multipart/mixed"),
    *(f"multipart/form-data; boundary={'x' * 5000}", "multipart/form-data; boundary=x; boundary=y", "multipart/"),
    *("multipart/form-data; boundary=\u00e4", "multipart/form-data; charset=utf-16; boundary=x", "", ";;;=;"),
]
LENGTHS = {
    "too short": b"Content-Length: 20\r\n",
    "too long": b"Content-Length: 100000\r\n",
    "negative": b"Content-Length: -1\r\n",
    "no number": b"Content-Length: many\r\n",
    "beyond any": b"Content-Length: " + b"9" * 40 + b"\r\n",
    "two of them": b"Content-Length: 20\r\nContent-Length: 30\r\n",
    "in chunks as well": b"Content-Length: 20\r\nTransfer-Encoding: chunked\r\n",
    "chunks that are none": b"Transfer-Encoding: chunked\r\n",
    "none": b"",
}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    embeds = ScriptedModel(name="embeds:1b", capabilities=("embedding",))
    async with ScriptedOllama(ScriptedModel(), embeds) as engine:
        # By the engine, which says at once what the embedding model would have to be loaded for.
        embedding = {"provider": "ollama", "model": embeds.name}
        limits = {"requests_per_minute": 100_000}
        async with running(make_settings(tmp_path, engine=engine.url, limits=limits, embedding=embedding)) as server:
            yield server


def mutated() -> Iterator[bytes]:
    """Give the form cut, and with bytes put in, taken out or doubled: the same ones each time."""
    chance = Random(1)
    for _ in range(MUTATIONS):
        body = WHOLE
        for _ in range(chance.randint(1, 3)):
            start, end = sorted(chance.randrange(len(body) + 1) for _ in range(2))
            match chance.randrange(4):
                case 0:
                    body = body[:start] + chance.choice(MARKS) + body[start:]
                case 1:
                    body = body[:start] + body[min(end, start + 20) :]
                case 2:
                    body = body[:end] + body[start:]
                case _:
                    body = body[:end]
        yield body


async def send(server: RunningServer, body: bytes, kind: str = FORM) -> str | None:
    """Send a form; say what is wrong with the answer, if anything is."""
    answer = await server.client.post(UPLOAD, content=body, headers={b"Content-Type": kind.encode()})
    if answer.status_code == 200:
        return None
    problem = answer.headers["Content-Type"].startswith("application/problem+json") and answer.json()
    fits = answer.status_code in (400, 413) and problem and problem["detail"] and problem["mend"]
    return None if fits else f"{answer.status_code} {answer.text}"


async def test_a_damaged_form_is_taken_in_or_refused_as_a_problem(server: RunningServer) -> None:
    bodies = [*corpus("forms").items(), *GENERATED.items(), *enumerate(mutated())]
    wrong = {name: said for name, body in bodies if (said := await send(server, body))}
    wrong |= {kind: said for kind in TYPES if (said := await send(server, WHOLE, kind))}
    assert wrong == {}
    sources = {one["source"] for one in (await server.client.get("/api/documents")).json()["documents"]}
    assert "a.md" in sources
    assert not any(".." in source or source.startswith("/") or not source.isprintable() for source in sources)


async def test_a_form_whose_length_lies_costs_one_connection(server: RunningServer) -> None:
    address = urlsplit(server.url)
    for name, length in LENGTHS.items():
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        head = f"POST {UPLOAD} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: {FORM}\r\n".encode()
        writer.write(head + length + b"\r\n" + WHOLE)
        writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), 30)
        writer.close()
        assert not answer or answer.split(b" ")[1] in (b"400", b"413", b"200"), (name, answer)
        assert (await server.client.get("/health/live")).status_code == 200, name
    assert await send(server, WHOLE) is None
