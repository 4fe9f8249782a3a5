"""How the server bears many who use it at once: errors, the time to a sign of life, and whether memory grows.

usage: python -m benchmarks.load [--json] [--clients N] [--seconds N] [--soak TURNS]

Server, engine and clients are processes of their own on one machine and share its cores, so that the requests a second
say as much of the machine as of the server. The engine is scripted: 40 tokens, 10 ms apart. Most clients converse, each
turn after the other, as JSON or as a stream, with a second or so between an answer and the next message; others read
pages, send documents and delete them again, or keep the monitor open. One asks for `/health/live` ten times a second,
and its times are told.

Every answer that is none is an error, and so is one that is not whole. `memory_growth` compares the server's memory at
the end (the mean of the last fifth of the samples) with that of the second fifth: until then things are loaded that
are loaded once. With `--soak` there are so many turns instead of so many seconds, and the samples are printed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.load_clients import TOKENS, Clients, Load, Seen
from benchmarks.monitors import process_at
from benchmarks.overhead import engine_process, server_process

TOKEN_MS = 10.0
SAMPLE_SECONDS = 0.5
CLIENT_PROCESSES = 2
MORE = """
[embedding]
provider = "ollama"
model = "scripted:1b"
[plugin_host]
disabled = ["embedding_router"]  # no other would load PyTorch, which has memory of its own accord
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--soak", type=int, default=0, metavar="TURNS", help="run so many turns, however long it takes")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="mdsa-load-") as folder,
        engine_process(TOKENS, TOKEN_MS) as engine,
        server_process(Path(folder), engine, MORE) as server,
    ):
        load = Load(server, options.clients, float("inf") if options.soak else options.seconds, options.soak)
        began = time.monotonic()
        seen, memory = under(load)
        seconds = time.monotonic() - began
    growth = grown(memory)
    health = sorted(seen.health)
    requests = sum(seen.done.values())
    print(f"{options.clients} clients, {seconds:.0f} s: {requests:,} requests, {requests / seconds:.0f} a second")
    print(", ".join(f"{number:,} {kind}" for kind, number in seen.done.most_common()))
    print(f"open monitors were told of something new {seen.frames:,} times")
    print(f"errors: {seen.errors.total()} ({seen.errors.total() / max(requests, 1):.2%})")
    for error, number in seen.errors.most_common(10):
        print(f"  {number:>6}  {error}")
    p50, p99 = percentile(health, 50), percentile(health, 99)
    print(f"/health/live: p50 {p50:.1f} ms, p99 {p99:.1f} ms, {len(health)} times")
    print(f"memory of the server, MB: {' '.join(f'{size / 1e6:.0f}' for size in thinned(memory))}; growth {growth:.1%}")
    if options.json:
        figures = {
            "errors": seen.errors.total(),
            "health_p50_ms": round(p50, 2),
            "health_p99_ms": round(p99, 2),
            "memory_growth": round(growth, 4),
            "requests_per_second": round(requests / seconds, 1),
            "turns": seen.done["chat"] + seen.done["stream"],
        }
        print(json.dumps(figures))


def under(load: Load) -> tuple[Seen, list[float]]:
    """Have clients in processes of their own ask; give what they saw, and the server's memory meanwhile, in bytes."""
    context = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    for number in range(CLIENT_PROCESSES):
        ours, theirs = context.Pipe()
        share = Load(load.server, load.clients // CLIENT_PROCESSES, load.seconds, load.turns // CLIENT_PROCESSES)
        process = context.Process(target=ask_for_all, args=(share, number, theirs))
        process.start()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    server, memory, seen = process_at(load.server), [], Seen()
    while any(process.is_alive() and not pipe.poll() for process, pipe in zip(processes, pipes, strict=True)):
        memory.append(float(server.memory_info().rss))
        time.sleep(SAMPLE_SECONDS)
    for pipe, process in zip(pipes, processes, strict=True):
        seen.add(pipe.recv())
        process.join()
    return seen, memory


def ask_for_all(load: Load, number: int, told: Connection) -> None:
    """Be one of the processes with clients; the first also asks for signs of life."""
    told.send(asyncio.run(Clients(load, number).run()))


def grown(memory: Sequence[float]) -> float:
    """Say by what share memory has grown since things were warm."""
    fifth = max(len(memory) // 5, 1)
    warm, end = statistics.mean(memory[fifth : 2 * fifth] or memory), statistics.mean(memory[-fifth:])
    return end / warm - 1


def thinned(memory: Sequence[float], most: int = 20) -> Sequence[float]:
    return memory[:: max(len(memory) // most, 1)]


def percentile(seconds: Sequence[float], share: int) -> float:
    """Give a percentile of sorted seconds, in milliseconds."""
    return seconds[min(len(seconds) * share // 100, len(seconds) - 1)] * 1000 if seconds else 0.0


if __name__ == "__main__":
    main()
