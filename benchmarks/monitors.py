"""What a hundred open monitors cost: the processor time of a server at work, with them and without.

usage: python -m benchmarks.monitors [--json] [--monitors N] [--seconds N] [--rounds N]

Two turns a second are asked of a server, a process of its own, whose engine is scripted; each answer has a hundred
tokens, 10 ms apart. The time that the server's process uses meanwhile is read by psutil, with all monitors open on the
same window and with none, by turns. `core_share` is what the monitors add, as a share of one core; the clients' own
work, in this process, is not in it.
"""

import argparse
import asyncio
import json
import re
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil

from benchmarks.overhead import MESSAGE, engine_process, server_process

TURNS_A_SECOND = 2.0
TOKENS, TOKEN_MS = 100, 10.0
SETTLING_SECONDS = 3.0
FRAME = re.compile(rb"<hx-partial")


@dataclass(frozen=True)
class Round:
    share: float
    """Of one core, that the server used."""
    turns: int
    sections: int
    """Told to all monitors together."""
    bytes: int


@dataclass
class Told:
    """What monitors have been told."""

    sections: int = 0
    bytes: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--monitors", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20.0, help="that each round is measured")
    parser.add_argument("--rounds", type=int, default=3, help="with monitors, and as many without")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        engine_process(TOKENS, TOKEN_MS) as engine,
        server_process(Path(folder), engine) as server,
    ):
        without, watched = asyncio.run(measure(server, options.monitors, options.seconds, options.rounds))
    print(f"{'':<14} {'core':>7} {'turns':>6} {'sections a second':>18} {'kB a second':>12}")
    for name, rounds in (("no monitor", without), (f"{options.monitors} monitors", watched)):
        for one in rounds:
            told, size = one.sections / options.seconds, one.bytes / options.seconds / 1000
            print(f"{name:<14} {one.share:>6.1%} {one.turns:>6} {told:>18.0f} {size:>12.0f}")
    share = statistics.median(one.share for one in watched) - statistics.median(one.share for one in without)
    print(f"{options.monitors} monitors cost {share:.1%} of a core")
    if options.json:
        print(json.dumps({"core_share": round(share, 4), "monitors": options.monitors}))


async def measure(server: str, monitors: int, seconds: float, rounds: int) -> tuple[list[Round], list[Round]]:
    """Give the rounds without monitors and those with, which alternate."""
    process = process_at(server)
    without, watched = [], []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        # The first turns load what is loaded when it is first needed.
        await asyncio.gather(*(ask(session, server) for _ in range(4)))
        for _ in range(rounds):
            without.append(await one_round(session, server, process, 0, seconds))
            watched.append(await one_round(session, server, process, monitors, seconds))
    return without, watched


async def one_round(
    session: aiohttp.ClientSession, server: str, process: psutil.Process, monitors: int, seconds: float
) -> Round:
    told = Told()
    watching = [asyncio.create_task(watch(session, server, told)) for _ in range(monitors)]
    asking = asyncio.create_task(keep_asking(session, server))
    await asyncio.sleep(SETTLING_SECONDS)
    turns, sections, size = await turns_of(session, server), told.sections, told.bytes
    began, used = time.perf_counter(), busy(process)
    await asyncio.sleep(seconds)
    share = (busy(process) - used) / (time.perf_counter() - began)
    sections, size = told.sections - sections, told.bytes - size
    turns = await turns_of(session, server) - turns
    for task in (*watching, asking):
        task.cancel()
    await asyncio.gather(*watching, asking, return_exceptions=True)
    if monitors and sections < monitors * seconds / 2:
        raise RuntimeError(f"{monitors} monitors were told only {sections} sections in {seconds} s")
    return Round(share, turns, sections, size)


async def watch(session: aiohttp.ClientSession, server: str, told: Told) -> None:
    """Follow the monitor's stream, as an open page does."""
    async with session.get(f"{server}/monitor/stream?window=15m", timeout=aiohttp.ClientTimeout()) as response:
        response.raise_for_status()
        async for block in response.content.iter_any():
            told.bytes += len(block)
            told.sections += len(FRAME.findall(block))


async def keep_asking(session: aiohttp.ClientSession, server: str) -> None:
    async with asyncio.TaskGroup() as turns:
        while True:
            turns.create_task(ask(session, server))
            await asyncio.sleep(1 / TURNS_A_SECOND)


async def ask(session: aiohttp.ClientSession, server: str) -> None:
    async with session.post(f"{server}/api/chat", json={"message": MESSAGE}) as response:
        response.raise_for_status()
        await response.read()


async def turns_of(session: aiohttp.ClientSession, server: str) -> int:
    async with session.get(f"{server}/api/metrics") as response:
        return int((await response.json())["turns"]["turns_answered"])


def process_at(server: str) -> psutil.Process:
    """Find the child of this process that listens at an address."""
    port = int(server.rsplit(":", 1)[1])
    for child in psutil.Process().children():
        if any(connection.laddr.port == port for connection in child.net_connections("inet")):
            return child
    raise RuntimeError(f"no child of this process listens at {server}")


def busy(process: psutil.Process) -> float:
    """Give the seconds of processor time that a process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
