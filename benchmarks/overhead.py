"""What the server costs: the same answers streamed directly from an engine, and through the server.

usage: python -m benchmarks.overhead [--json] [--rounds N] [--tokens N]

The engine is scripted (`tests/fakes/scripted_ollama.py`), a process of its own on loopback; so is the
server, which routes each message by keyword, saves the conversation and logs the turn. Direct and through
the server alternate, round by round, and each figure is the median over the rounds. On a machine with few
cores the engine, the server and this client share them; then the ratio shows all the work the server adds.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

MESSAGE = "please fix this python function"
CONFIGURATION = """
[engine]
url = "{engine}"
default_model = "{model}"
[routing]
routers = ["keyword_router"]
fallback = "general"
[logging]
level = "warning"
[residency]
max_running = 256
[limits]
requests_per_minute = 1000000
turns_at_once = 256
[domains.general]
description = "Everything else"
[domains.code]
description = "Questions about programs"
keywords = ["python", "function"]
"""
MODEL = "scripted:1b"
STREAMS = (1, 16, 64)


@dataclass(frozen=True)
class Load:
    """One way of asking: how many streams at once, and the engine's pace."""

    streams: int
    token_ms: float
    requests: int
    """How many requests one round sends, over all streams."""

    @property
    def name(self) -> str:
        return f"{'paced' if self.token_ms else 'flat'}_{self.streams}"


@dataclass(frozen=True)
class Figures:
    requests_per_second: float
    first_token_ms: float


Ask = Callable[[aiohttp.ClientSession], Awaitable[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=200, help="tokens of each answer")
    options = parser.parse_args()
    results: dict[str, float] = {}
    print(f"{'':<10} {'requests a second':>28} {'':>6} {'first token, ms':>29}")
    print(f"{'load':<10} {'direct':>13} {'through':>14} {'ratio':>6} {'direct':>10} {'through':>11} {'added':>6}")
    for token_ms in (5.0, 0.0):
        with (
            tempfile.TemporaryDirectory() as folder,
            engine_process(options.tokens, token_ms) as engine,
            server_process(Path(folder), engine) as server,
        ):
            for streams in STREAMS:
                load = Load(streams, token_ms, requests=_requests(streams, token_ms))
                row = asyncio.run(measure(load, engine, server, options.rounds))
                print(_line(load, row), flush=True)
                results |= _keys(load, row)
    results["ttft_added_ms_1"] = results["paced_1_ttft_added_ms"]
    if options.json:
        print(json.dumps({name: round(value, 4) for name, value in results.items()}))


def _requests(streams: int, token_ms: float) -> int:
    """Several a stream, so that streams drift apart as they do in use: all begin a round at the same moment."""
    return streams * 4 if token_ms else max(streams * 6, 60)


async def measure(load: Load, engine: str, server: str, rounds: int) -> tuple[Figures, Figures]:
    """Give the median figures, direct and through the server, over alternating rounds."""
    direct: list[Figures] = []
    through: list[Figures] = []
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        for _ in range(rounds + 1):
            direct.append(await one_round(load, session, lambda s: ask_engine(s, engine)))
            through.append(await one_round(load, session, lambda s: ask_server(s, server)))
    # The first round warms connections and caches up and is not counted.
    return _median(direct[1:]), _median(through[1:])


async def one_round(load: Load, session: aiohttp.ClientSession, ask: Ask) -> Figures:
    """Send the round's requests over `load.streams` streams and time them."""
    left = iter(range(load.requests))
    first_tokens: list[float] = []

    async def stream() -> None:
        for _ in left:
            first_tokens.append(await ask(session))

    began = time.perf_counter()
    await asyncio.gather(*(stream() for _ in range(load.streams)))
    seconds = time.perf_counter() - began
    return Figures(load.requests / seconds, statistics.median(first_tokens) * 1000)


async def ask_engine(session: aiohttp.ClientSession, url: str) -> float:
    """Stream an answer straight from the engine; give the seconds to its first token."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": MESSAGE}]}
    return await _timed(session, f"{url}/api/chat", body, {}, first=b'"content"', last=b'"done":true')


async def ask_server(session: aiohttp.ClientSession, url: str) -> float:
    """Stream the same answer through the server; give the seconds to its first token."""
    headers = {"Accept": "text/event-stream"}
    body = {"message": MESSAGE}
    return await _timed(session, f"{url}/api/chat", body, headers, first=b"event: token", last=b"event: turn_finished")


async def _timed(
    session: aiohttp.ClientSession, url: str, body: object, headers: dict[str, str], *, first: bytes, last: bytes
) -> float:
    began = time.perf_counter()
    first_token: float | None = None
    tail, whole = b"", False
    async with session.post(url, json=body, headers=headers) as response:
        async for chunk in response.content.iter_any():
            tail = tail[-len(last) :] + chunk
            if first_token is None and first in tail:
                first_token = time.perf_counter() - began
            whole = whole or last in tail
    if first_token is None or not whole:
        raise RuntimeError(f"{url} gave no whole answer (status {response.status}): {tail[-200:]!r}")
    return first_token


@contextmanager
def engine_process(tokens: int, token_ms: float) -> Iterator[str]:
    command = ["-m", "tests.fakes.scripted_ollama", "--port", "0", "--tokens", str(tokens), "--token-ms", str(token_ms)]
    with _process(command) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]


@contextmanager
def server_process(folder: Path, engine: str, more: str = "") -> Iterator[str]:
    """A server on a folder of its own; `more` is added to its configuration."""
    (folder / "mdsa.toml").write_text(CONFIGURATION.format(engine=engine, model=MODEL) + more)
    command = ["-m", "mdsa_server", "serve", "--port", "0", "--config", str(folder / "mdsa.toml")]
    with _process(command) as process:
        deadline = time.monotonic() + 60
        word = folder / "mdsa-data" / "server.json"
        while not word.exists():
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError("the server did not start")
            time.sleep(0.05)
        url = json.loads(word.read_bytes())["url"]
        _wait_until_live(url, deadline)
        yield url


@contextmanager
def _process(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    environ = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, env=environ)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def _wait_until_live(url: str, deadline: float) -> None:
    async def live() -> None:
        async with aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(f"{url}/health/ready") as response:
                        if response.status == 200:
                            return
                except aiohttp.ClientError:
                    if time.monotonic() > deadline:
                        raise
                await asyncio.sleep(0.05)

    asyncio.run(live())


def _median(figures: list[Figures]) -> Figures:
    return Figures(
        statistics.median(figure.requests_per_second for figure in figures),
        statistics.median(figure.first_token_ms for figure in figures),
    )


def _keys(load: Load, row: tuple[Figures, Figures]) -> dict[str, float]:
    direct, through = row
    return {
        f"{load.name}_ratio": through.requests_per_second / direct.requests_per_second,
        f"{load.name}_direct_rps": direct.requests_per_second,
        f"{load.name}_through_rps": through.requests_per_second,
        f"{load.name}_ttft_added_ms": through.first_token_ms - direct.first_token_ms,
    }


def _line(load: Load, row: tuple[Figures, Figures]) -> str:
    direct, through = row
    return (
        f"{load.name:<10} {direct.requests_per_second:>13.1f} {through.requests_per_second:>14.1f} "
        f"{through.requests_per_second / direct.requests_per_second:>6.2f} {direct.first_token_ms:>10.1f} "
        f"{through.first_token_ms:>11.1f} {through.first_token_ms - direct.first_token_ms:>6.1f}"
    )


if __name__ == "__main__":
    main()
