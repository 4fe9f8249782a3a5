"""Clients that are slow, silent, many or gone: each costs what one connection may cost, and others are answered."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from mdsa_server.cli import bounded_connection
from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.faults.listening import Held, Open, Peer, listening, until
from tests.serving import make_settings

HEAD = b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
LIVE = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
ALIVE = b'{"status":"live","store":"ok"}'
HELLO = b'{"message": "hi"}'
QUICK_SECONDS = 0.1


@pytest.fixture
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[Open]:
    async with listening(make_settings(tmp_path, engine=engine.url)) as server:
        yield server


async def drip(peer: Peer, text: bytes) -> bytes:
    """Send a byte now and then, more seldom than is borne, until the server has had enough."""

    async def sending() -> None:
        for byte in text:
            peer.writer.write(bytes([byte]))
            await asyncio.sleep(QUICK_SECONDS)

    sent = asyncio.create_task(sending())
    said = await peer.rest()
    assert not sent.done(), "it was let come to its end"
    sent.cancel()
    return said


def said_in(answer: bytes) -> tuple[str, dict[str, object]]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.splitlines()[0].decode(), json.loads(body)


async def test_requests_that_do_not_come_are_ended_and_those_that_do_are_answered(
    server: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_connection, "PATIENCE_SECONDS", 1.5)
    async with (
        server.connected() as in_head,
        server.connected() as in_body,
        server.connected() as silent,
        server.connected() as steady,
    ):
        await in_body.send(HEAD + b"Content-Length: 10000\r\n\r\n")
        slow = asyncio.gather(drip(in_head, HEAD * 100), drip(in_body, b'{"message": "' + b"a" * 10000), silent.rest())
        answered = 0
        while not slow.done():
            await steady.send(LIVE)
            assert (await steady.head()).startswith(b"HTTP/1.1 200")
            assert await steady.reader.readexactly(len(ALIVE)) == ALIVE
            answered += 1
            await asyncio.sleep(QUICK_SECONDS)
        head, body, nothing = await slow
    assert answered > 10
    assert nothing == b""
    for said in (head, body):
        status, problem = said_in(said)
        assert (status, problem["code"]) == ("HTTP/1.1 408 Request Timeout", "request-timeout")


async def test_a_request_may_take_long_if_it_comes_at_a_pace(server: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_connection, "PATIENCE_SECONDS", 1.0)
    body = b" " * 20_000 + HELLO
    async with server.connected() as peer:
        await peer.send(HEAD + b"Content-Length: %d\r\n\r\n" % len(body))
        for start in range(0, len(body), 1000):
            await peer.send(body[start : start + 1000])
            await asyncio.sleep(QUICK_SECONDS)
        assert (await peer.head()).startswith(b"HTTP/1.1 200")


CHUNKED = b"POST /sign-out HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


WITHOUT_END: dict[str, tuple[bytes, bytes, list[int]]] = {
    "a header": (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ", b"a" * 10_000, [431]),
    "headers": (b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"X: a\r\n" * 1_000, [431]),
    "an address": (b"GET /", b"a" * 10_000, [431]),
    "trailers of a body that is awaited": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n",
        b"X-Trailer: a\r\n" * 1_000,
        [431],
    ),
    # What takes no body is answered before, which spends the status.
    "trailers": (CHUNKED + b"0\r\n", b"X-Trailer: a\r\n" * 1_000, [303]),
    "a trailer": (CHUNKED + b"0\r\nX-Trailer: ", b"a" * 10_000, [303]),
    "a chunk's size": (CHUNKED + b"1;", b"a" * 10_000, [303]),
    "lines before the next request": (LIVE, b"\r\n" * 5_000, [200]),
}
"""How a request begins, what then comes again and again, and which statuses are answered until it is refused."""


async def test_what_goes_round_a_body_without_end_is_refused(server: Open) -> None:
    async def refused(begins: bytes, goes_on: bytes) -> bytes:
        async with server.connected() as peer:
            await peer.send(begins)
            heard = asyncio.create_task(peer.rest())
            sent = 0
            while not heard.done():
                assert sent < 2_000_000, "it is read without end"
                peer.writer.write(goes_on)
                sent += len(goes_on)
                await asyncio.sleep(0.02)
            return await heard

    for what, (begins, goes_on, statuses) in WITHOUT_END.items():
        said = await refused(begins, goes_on)
        assert [int(status) for status in re.findall(rb"HTTP/1.1 (\d+)", said)] == statuses, what
        assert (b"65,536 bytes" in said) == (statuses == [431]), what


async def test_a_head_that_is_too_long_begins_nothing_even_where_it_comes_at_once(server: Open) -> None:
    async with server.connected() as peer:
        await peer.send(HEAD + b"X: a\r\n" * 12_000 + b"Content-Length: %d\r\n\r\n" % len(HELLO) + HELLO)
        status, _ = said_in(await peer.rest())
    assert status == "HTTP/1.1 431 Request Header Fields Too Large"
    async with httpx.AsyncClient(base_url=server.listener.url) as client:
        assert (await client.get("/api/turns")).json()["turns"] == []


async def test_who_has_waited_longest_makes_room_for_who_comes(server: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_connection, "MOST_CONNECTIONS", 50)
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(300)]
    async with httpx.AsyncClient(base_url=server.listener.url) as client:
        assert (await client.get("/health/live")).status_code == 200
    await until(lambda: server.listener.connections <= 50)
    for one in idle:
        one.close()
    await until(lambda: server.listener.connections == 0)


async def test_where_all_connections_are_at_work_one_more_is_told_when_to_come_back(
    server: Open, engine: ScriptedOllama, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_connection, "MOST_CONNECTIONS", 1)
    gate = asyncio.Event()
    model.says = [gate, "done"]
    async with server.connected() as busy:
        await busy.send(HEAD + b"Content-Length: %d\r\n\r\n" % len(HELLO) + HELLO)
        await engine.until(lambda: bool(engine.asked("/api/chat")))
        async with server.connected() as refused:
            said = await refused.rest()
        gate.set()
        assert (await busy.head()).startswith(b"HTTP/1.1 200")
    status, problem = said_in(said)
    assert (status, problem["code"]) == ("HTTP/1.1 503 Service Unavailable", "service-unavailable")
    assert b"\r\nretry-after: 5\r\n" in said


async def test_a_reader_that_takes_nothing_costs_little_and_then_its_connection_and_the_turn_ends_as_any(
    server: Open, engine: ScriptedOllama, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_connection, "UNTAKEN_SECONDS", 1.5)
    model.says = ["a" * 10_000] * 2_000
    async with server.connected() as peer:
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport has it
        await peer.send(HEAD + b"Accept: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(HELLO) + HELLO)
        await until(lambda: server.listener.connections == 1)
        most = 0
        while server.listener.connections:
            most = max(most, server.listener.unsent)
            await asyncio.sleep(QUICK_SECONDS)
    assert 0 < most < 1_000_000
    async with httpx.AsyncClient(base_url=server.listener.url) as client:
        (turn,) = (await client.get("/api/turns")).json()["turns"]
        assert turn["outcome"] == "answered"


async def test_clients_that_go_in_the_middle_leave_nothing_behind(server: Open) -> None:
    held: list[Held] = []
    for _ in range(2):
        await asyncio.gather(*(go_while_uploading(server) for _ in range(5)), *(say_no_more(server) for _ in range(5)))
        await until(lambda: server.listener.connections == 0 and not len(server.listener.rooms.live_turns))
        held.append(Held.now())
    await held[0].no_more()
    async with httpx.AsyncClient(base_url=server.listener.url) as client:
        turns = (await client.get("/api/turns")).json()["turns"]
        assert [turn["outcome"] for turn in turns] == ["answered"] * 10
        assert (await client.get("/api/documents")).json()["documents"] == []
        assert (await client.get("/api/ingestions")).json()["ingestions"] == []


async def go_while_uploading(server: Open) -> None:
    part = b"--x\r\nContent-Disposition: form-data; name=files; filename=a.md\r\n\r\n"
    kind = b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 9000000\r\n\r\n"
    async with server.connected() as peer:
        await peer.send(b"POST /api/documents/upload HTTP/1.1\r\nHost: localhost\r\n" + kind + part)
        await peer.send(b"a" * 2_000_000)


async def say_no_more(server: Open) -> None:
    """Ask, and close one half of the connection: so it is said that no more will come, and nothing else."""
    async with server.connected() as peer:
        await peer.send(HEAD + b"Accept: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(HELLO) + HELLO)
        peer.writer.write_eof()
        await peer.rest()
