"""What reading an engine's tokens costs: this server's client, and other ways to read the same streams.

usage: python -m benchmarks.token_reading [--json] [--rounds N] [--tokens N] [--loop asyncio|uvloop]

The engine is scripted (`tests/fakes/scripted_ollama.py`), a process of its own on loopback. All readers
read the same answers, in turns, round by round; each figure is the median over the rounds. The processor
time is that of the reading process alone, so it means the same on a busy machine.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import ollama

from mdsa_server.inference.ollama import OllamaClient
from mdsa_server.vocabulary.conversation import Message

MODEL = "scripted:1b"
MESSAGES = [{"role": "user", "content": "Hello"}]
OURS = "ours"

Read = Callable[[], Awaitable[int]]
"""Reads one answer; gives the length of its text, in characters."""


@dataclass(frozen=True)
class Load:
    """One way of asking: so many answers at once, at the engine's pace or flat out."""

    name: str
    streams: int
    token_ms: float
    answers: int
    """Per round, over all streams."""


LOADS = (Load("paced_64", 64, 5.0, 64), Load("flat_16", 16, 0.0, 64), Load("flat_1", 1, 0.0, 16))


@dataclass(frozen=True)
class Figures:
    tokens_per_second: float
    processor_us: float
    """Processor time of the reader, in microseconds a token."""


@asynccontextmanager
async def ours(url: str) -> AsyncIterator[Read]:
    client = OllamaClient(url)
    messages = [Message(role="user", content="Hello")]

    async def read() -> int:
        async with aclosing(client.chat(MODEL, messages, options={}, keep_alive="5m")) as chunks:
            return sum([len(chunk.content) async for chunk in chunks])

    yield read
    await client.close()


@asynccontextmanager
async def aiohttp_lines(url: str) -> AsyncIterator[Read]:
    """The plain way with aiohttp: line by line, each decoded by itself."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def read() -> int:
            length = 0
            async with session.post(f"{url}/api/chat", json={"model": MODEL, "messages": MESSAGES}) as response:
                async for line in response.content:
                    length += len(json.loads(line)["message"]["content"])
            return length

        yield read


@asynccontextmanager
async def httpx_lines(url: str) -> AsyncIterator[Read]:
    """The plain way with httpx."""
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=None), timeout=60, trust_env=False) as client:

        async def read() -> int:
            length = 0
            body = {"model": MODEL, "messages": MESSAGES}
            async with client.stream("POST", f"{url}/api/chat", json=body) as response:
                async for line in response.aiter_lines():
                    length += len(json.loads(line)["message"]["content"])
            return length

        yield read


@asynccontextmanager
async def ollama_package(url: str) -> AsyncIterator[Read]:
    """Ollama's own client: httpx, and a pydantic model for each token."""
    client = ollama.AsyncClient(url, limits=httpx.Limits(max_connections=None), trust_env=False)

    async def read() -> int:
        stream = await client.chat(MODEL, MESSAGES, stream=True)
        return sum([len(part.message.content or "") async for part in stream])

    yield read
    await client.close()  # type: ignore[no-untyped-call]  # the package leaves it untyped


READERS = {OURS: ours, "aiohttp": aiohttp_lines, "httpx": httpx_lines, "ollama": ollama_package}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=200, help="tokens of each answer")
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="uvloop")
    options = parser.parse_args()
    results: dict[str, float] = {}
    print(f"{'load':<10} {'reader':<8} {'tokens a second':>16} {'µs a token':>11} {'to ours':>8}")
    for load in LOADS:
        with engine_process(options.tokens, load.token_ms) as url:
            table = _run(options.loop, measure(load, url, options.rounds, options.tokens))
        for reader, figures in table.items():
            ratio = figures.processor_us / table[OURS].processor_us
            print(
                f"{load.name:<10} {reader:<8} {figures.tokens_per_second:>16,.0f} "
                f"{figures.processor_us:>11.1f} {ratio:>8.1f}",
                flush=True,
            )
            results |= {
                f"{load.name}_{reader}_us": round(figures.processor_us, 2),
                f"{load.name}_{reader}_tokens_per_second": round(figures.tokens_per_second),
                f"{load.name}_{reader}_cost_ratio": round(ratio, 2),
            }
    if options.json:
        print(json.dumps(results))


async def measure(load: Load, url: str, rounds: int, tokens: int) -> dict[str, Figures]:
    """Give each reader's median figures; the readers take turns."""
    figures: dict[str, list[Figures]] = {name: [] for name in READERS}
    async with AsyncExitStack() as stack:
        reads = {name: await stack.enter_async_context(reader(url)) for name, reader in READERS.items()}
        # The first round warms connections up and is not counted.
        for _ in range(rounds + 1):
            for name, read in reads.items():
                figures[name].append(await one_round(load, read, tokens))
    return {name: _median(measured[1:]) for name, measured in figures.items()}


async def one_round(load: Load, read: Read, tokens: int) -> Figures:
    left = iter(range(load.answers))
    lengths: set[int] = set()

    async def stream() -> None:
        for _ in left:
            lengths.add(await read())

    began, worked = time.perf_counter(), time.process_time()
    await asyncio.gather(*(stream() for _ in range(load.streams)))
    seconds, processor = time.perf_counter() - began, time.process_time() - worked
    if len(lengths) != 1 or 0 in lengths:
        raise RuntimeError(f"answers of different lengths were read: {lengths}")
    count = load.answers * tokens
    return Figures(count / seconds, processor / count * 1e6)


@contextmanager
def engine_process(tokens: int, token_ms: float) -> Iterator[str]:
    command = ["-m", "tests.fakes.scripted_ollama", "--tokens", str(tokens), "--token-ms", str(token_ms)]
    environ = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, env=environ)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.terminate()
        process.wait(20)


def _run(loop: str, measuring: Any) -> dict[str, Figures]:
    if loop == "uvloop":
        import uvloop

        return dict(uvloop.run(measuring))
    return dict(asyncio.run(measuring))


def _median(figures: list[Figures]) -> Figures:
    return Figures(
        statistics.median(figure.tokens_per_second for figure in figures),
        statistics.median(figure.processor_us for figure in figures),
    )


if __name__ == "__main__":
    main()
