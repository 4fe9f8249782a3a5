"""Whatever is sent to the API, it answers as /schema says: with no status, body or type that is not told there."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from mdsa_server.vocabulary.access import SCOPES, Scope
from mdsa_server.web.problems import PROBLEM_MEDIA_TYPE
from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, make_settings, running
from tests.web.api_fuzzing import Fuzzing

DEEP = 100_000
JSON = "application/json"
ODD_BODIES: dict[str, tuple[str, bytes]] = {
    "nothing": (JSON, b""),
    "a NUL byte": (JSON, b"\0"),
    "a NUL in each text": (JSON, b'{"message": "\\u0000", "name": "\\u0000", "folder": "/\\u0000"}'),
    "half a surrogate pair": (JSON, b'{"message": "\\ud800", "name": "\\udfff", "collection": "\\ud800"}'),
    "bytes that are no UTF-8": (JSON, b'{"message": "\xff\xfe"}'),
    "UTF-16": (JSON, '{"message": "owl"}'.encode("utf-16")),
    "a mark of UTF-8 before it": (JSON, b'\xef\xbb\xbf{"message": "owl"}'),
    "an integer of 5,000 digits": (JSON, b'{"message": %b, "most": %b, "days": %b}' % ((b"9" * 5000,) * 3)),
    "a number beyond any": (JSON, b'{"message": 1e999999999, "days": 1e999999999, "most": 1e999999999}'),
    "no number": (JSON, b'{"days": NaN, "most": Infinity}'),
    "lists in lists": (JSON, b"[" * DEEP + b"]" * DEEP),
    "objects in objects": (JSON, b'{"message":' * DEEP + b"1" + b"}" * DEEP),
    "lists that never end": (JSON, b'{"message": "owl", "paths": ' + b"[" * DEEP),
    "the same key twice": (JSON, b'{"message": "a", "message": 7, "name": "a", "name": 7}'),
    "a list for an object": (JSON, b"[]"),
    "text for an object": (JSON, b'"owl"'),
    "an object that breaks off": (JSON, b'{"message": "ow'),
    "two objects": (JSON, b'{"message": "a"}{"message": "b"}'),
    "a form": ("application/x-www-form-urlencoded", b"message=owl&message=%00"),
    "a multipart form without a boundary": ("multipart/form-data", b"--x\r\n\r\n"),
    "MessagePack": ("application/x-msgpack", b"\x81\xa7message\xa3owl"),
    "a type that is none": ("nonsense", b'{"message": "owl"}'),
    "a charset that is none": ("application/json; charset=nonsense", b'{"message": "owl"}'),
}
"""Bodies that no description of theirs has in mind, with the type that is said of them."""
ODD_HEADERS: list[dict[bytes, bytes]] = [
    {b"Origin": b"http://["},
    {b"Origin": b"http://[", b"Sec-Fetch-Site": b"same-origin"},
    {b"Origin": b"\xff"},
    {b"Origin": b"http://\xe2\x84\x80.example"},
    {b"Sec-Fetch-Site": b"\xff"},
    {b"Host": b"["},
    {b"Host": b"localhost:99999999", b"Accept": b"text/html"},
    {b"Host": b""},
    {b"Host": b"localhost:99999999"},
    {b"HX-Request": b"true", b"HX-Current-URL": b"http://["},
    {b"HX-Request": b"\xff", b"HX-Current-URL": b"http://\xff]/chat"},
    {b"Authorization": b"\xff"},
    {b"Authorization": b"Bearer \xff"},
    {b"Cookie": b"mdsa_sign_in=\xff; =; \x01"},
    {b"Cookie": b"mdsa_sign_in=" + b"9" * 10_000},
    {b"Accept": b"text/html;q=[;;\xff"},
    {b"Content-Type": b"\xff/[;charset="},
    {b"Content-Encoding": b"gzip"},
    {b"Last-Event-ID": b"9" * 5000},
    {b"X-Request-ID": b"\xff"},
    {b"X-Forwarded-Proto": b",\xff"},
    {b"If-None-Match": b"\xff", b"If-Modified-Since": b"yesterday", b"Range": b"bytes=9-1"},
]
ASKED = [
    ("GET", "/"),
    ("GET", "/chat"),
    ("GET", "/sign-in"),
    ("GET", "/static/app.css"),
    ("GET", "/nowhere"),
    ("GET", "/api/conversations"),
    ("GET", "/api/turns/none/events"),
    ("POST", "/sign-out"),
    ("POST", "/api/chat"),
    ("DELETE", "/chat/none"),
]
"""Of each kind of address one: what is read of headers, most routes share."""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    embeds = ScriptedModel(name="embeds:1b", capabilities=("embedding",))
    async with ScriptedOllama(ScriptedModel(), embeds) as engine:
        # By the engine, which says at once what the embedding model would have to be loaded for.
        embedding = {"provider": "ollama", "model": embeds.name}
        limits = {"requests_per_minute": 10_000_000, "turns_at_once": 10_000}
        async with running(make_settings(tmp_path, engine=engine.url, limits=limits, embedding=embedding)) as server:
            yield server


async def described(server: RunningServer) -> dict[str, Any]:
    description: dict[str, Any] = (await server.client.get("/schema/openapi.json")).json()
    return description


async def key_with(server: RunningServer, *scopes: Scope) -> tuple[str, dict[str, str]]:
    """Make an access key; give its id, and the header that shows it."""
    key, secret = await server.app.state.rooms.doorkeeper.keys.create("fuzzing", scopes)
    return key.id, {"Authorization": f"Bearer {secret}"}


async def test_every_operation_answers_as_it_is_described(server: RunningServer, tmp_path: Path) -> None:
    """For a key that opens all, one that opens the chat alone, and none."""
    all_id, everything = await key_with(server, *SCOPES)
    chat_id, chat_alone = await key_with(server, "chat")
    fuzzing = Fuzzing(server.url, await described(server), tmp_path / "nowhere", spared={all_id, chat_id})
    assert await asyncio.to_thread(fuzzing.findings, everything) == {}
    # That of the requests none has shut the others out.
    assert (await server.client.get("/api/keys", headers=everything)).status_code == 200
    assert await asyncio.to_thread(fuzzing.findings, chat_alone, 1) == {}
    assert await asyncio.to_thread(fuzzing.findings, {}, 1) == {}


def body_operations(description: dict[str, Any]) -> Iterator[tuple[str, str, set[str]]]:
    """Give method, path and statuses of each operation that takes a body, its path filled with what is not there."""
    for path, operations in description["paths"].items():
        for method in operations.keys() & {"post", "patch"}:
            filled = "/".join("none" if part.startswith("{") else part for part in path.split("/"))
            yield method, filled, set(operations[method]["responses"])


async def test_no_body_however_odd_breaks_an_operation(server: RunningServer) -> None:
    operations = list(body_operations(await described(server)))
    wrong = []
    for odd, (content_type, body) in ODD_BODIES.items():
        for method, path, statuses in operations:
            answer = await server.client.request(method, path, content=body, headers={"Content-Type": content_type})
            told = str(answer.status_code) in statuses and answer.status_code < 500
            if not told or (answer.is_error and answer.headers["Content-Type"] != PROBLEM_MEDIA_TYPE):
                wrong.append((odd, path, answer.status_code, answer.text))
    assert wrong == []


async def test_no_headers_however_odd_break_an_answer(server: RunningServer) -> None:
    async def broken() -> list[tuple[str, dict[bytes, bytes], str]]:
        return [
            (path, headers, answer.text)
            for headers in ODD_HEADERS
            for method, path in ASKED
            if (answer := await server.client.request(method, path, headers=headers)).status_code >= 500
        ]

    assert await broken() == []
    await key_with(server, *SCOPES)
    assert await broken() == []
