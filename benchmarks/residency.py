"""What swapping models costs: turns of several clients straight at an engine, and through the model keeper.

usage: python -m benchmarks.residency [--json] [--turns N] [--seeds N]

Six clients, each sending its next turn when the last has ended, share three models on an engine that has room
for two. The engine is scripted (`tests/fakes/limited_memory.py`): a load takes 2 s and a token 40 ms, on a clock
that runs twenty times as fast, and what has to go is chosen as Ollama does. Each seed's turns are served straight
and through the keeper; beside the measured swaps stand those of the simulation, and the fewest there could have
been for the order in which the keeper served the turns (Belady's optimum).
"""

import argparse
import asyncio
import json
import random
import statistics
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog

from mdsa_server.evaluation.residency import FirstCome, Job, Kept, Outcome, Served, longest_extra_wait, optimum
from mdsa_server.inference import engine_memory
from mdsa_server.inference.engine import Engine, EnginePlace
from mdsa_server.inference.model_keeper import ModelKeeper
from mdsa_server.inference.ollama import OllamaClient
from mdsa_server.inference.residency import Limits, Swap, Unit
from mdsa_server.supervisor import Supervisor
from mdsa_server.vocabulary.conversation import Message
from mdsa_server.vocabulary.models import EngineStatus
from tests.fakes.limited_memory import LimitedMemory
from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama

SPEED = 20.0
MODELS = ("a:1b", "b:1b", "c:1b")
PLACES, CLIENTS = 2, 6
LOAD_SECONDS, TOKEN_SECONDS = 2.0, 0.04
TOKENS = (20, 60)
MAX_WAIT = 20.0

Turn = tuple[str, int]
"""A model, and how many tokens it answers."""


@dataclass(frozen=True)
class Run:
    """One way of serving one trace, in seconds of the engine's clock."""

    swaps: int
    makespan: float
    outcome: Outcome


def trace(seed: int, turns: int) -> list[Turn]:
    """Make up turns: any model, a short or a longer answer."""
    chance = random.Random(seed)  # not for secrets
    return [(chance.choice(MODELS), chance.randint(*TOKENS)) for _ in range(turns)]


class TimedRequests(list[tuple[str, dict[str, Any]]]):
    """What an engine was asked, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def append(self, request: tuple[str, dict[str, Any]]) -> None:
        self.times.append(time.monotonic())
        super().append(request)

    def swaps(self) -> list[tuple[float, Swap]]:
        """Read the swaps that were asked for: unloads, and the load that follows them."""
        swaps: list[tuple[float, Swap]] = []
        unloaded: list[Unit] = []
        for moment, (path, body) in zip(self.times, self, strict=True):
            if path != "/api/chat" or body["messages"]:
                continue
            if body.get("keep_alive") == 0:
                unloaded.append(Unit(body["model"]))
            else:
                swaps.append((moment * SPEED, Swap(Unit(body["model"]), tuple(unloaded))))
                unloaded = []
        return swaps


async def straight(turns: Sequence[Turn]) -> Run:
    """Send each turn to the engine as it comes."""
    async with scripted_engine() as scripted:
        client = OllamaClient(scripted.url)
        seconds = await serve(turns, lambda model, tokens: answer(client, model, tokens, 300.0))
        await client.close()
        return Run(len(scripted.memory.loads), seconds, Outcome())


async def kept(turns: Sequence[Turn]) -> Run:
    """Have each turn take a lease first."""
    outcome = Outcome()
    async with scripted_engine() as scripted, keeper_of(scripted.url) as keeper:

        async def ask(model: str, tokens: int) -> None:
            arrived = time.monotonic()
            async with keeper.lease([model], {}) as lease:
                async for _ in lease.admission(time.monotonic):
                    pass
                served = Served(job_of((model, tokens)), arrived * SPEED, time.monotonic() * SPEED)
                outcome.served.append(served)
                await answer(lease.client, model, tokens, float(lease.keep_alive))

        requests = scripted.requests = TimedRequests()
        seconds = await serve(turns, ask)
        outcome.swaps = requests.swaps()
        return Run(len(scripted.memory.loads), seconds, outcome)


async def serve(turns: Sequence[Turn], ask: Callable[[str, int], Awaitable[None]]) -> float:
    """Have the clients work through the turns; gives the seconds it took, on the engine's clock."""
    left = deque(turns)

    async def client() -> None:
        while left:
            await ask(*left.popleft())

    began = time.monotonic()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return (time.monotonic() - began) * SPEED


async def answer(client: OllamaClient, model: str, tokens: int, keep_alive: float) -> None:
    """Read an answer of so many tokens."""
    question = [Message(role="user", content=str(tokens))]
    async for _ in client.chat(model, question, options={}, keep_alive=keep_alive):
        pass


@asynccontextmanager
async def scripted_engine() -> AsyncIterator[ScriptedOllama]:
    models = [
        ScriptedModel(
            name=name,
            load_seconds=LOAD_SECONDS / SPEED,
            token_seconds=TOKEN_SECONDS / SPEED,
            says=lambda asked: ["word "] * int(asked.messages[-1]["content"]),
        )
        for name in MODELS
    ]
    scripted = ScriptedOllama(*models)
    scripted.memory = LimitedMemory(PLACES)
    async with scripted:
        yield scripted


@asynccontextmanager
async def keeper_of(engine_url: str) -> AsyncIterator[ModelKeeper]:
    async def url() -> str:
        return engine_url

    engine = Engine(
        [EnginePlace(kind="ollama", url=url)],
        absent=EngineStatus(kind="none"),
        default_model=MODELS[0],
        connect_timeout=5,
        stall_timeout=60,
    )
    await engine.find()
    supervisor = Supervisor()
    yield ModelKeeper(
        engine,
        limits=Limits(max_models=PLACES, max_wait=MAX_WAIT / SPEED, max_running=64),
        max_line=64,
        prefer="best",
        worth=0.0,
        keep_alive=300.0,
        pinned=(),
        preload=(),
        spawn=supervisor.spawn,
    )
    await supervisor.close()
    await engine.close()


def job_of(turn: Turn) -> Job:
    model, tokens = turn
    return Job(unit=Unit(model), seconds=tokens * TOKEN_SECONDS, load_seconds=LOAD_SECONDS)


async def measure(seeds: int, turns: int) -> dict[str, float]:
    """Serve each seed's turns both ways; print a row for each, give the medians."""
    rows: list[dict[str, float]] = []
    print("seed        straight            kept   swaps   time  optimum  simulated  extra wait")
    for seed in range(seeds):
        made = trace(seed, turns)
        jobs = [job_of(turn) for turn in made]
        direct, ours = await straight(made), await kept(made)
        simulated = Kept(jobs, Limits(max_models=PLACES, max_wait=MAX_WAIT, max_running=64), CLIENTS).run()
        alone = FirstCome(jobs, PLACES, CLIENTS).run()
        fewest = optimum(ours.outcome.order, PLACES)
        rows.append(
            {
                "swap_ratio": ours.swaps / direct.swaps,
                "makespan_ratio": ours.makespan / direct.makespan,
                "optimum_ratio": ours.swaps / fewest,
                "longest_extra_wait_s": longest_extra_wait(ours.outcome),
                "simulated_error": abs(len(simulated.swaps) - ours.swaps) / ours.swaps,
                "simulated_straight_error": abs(len(alone.swaps) - direct.swaps) / direct.swaps,
            }
        )
        print(
            f"{seed:>4}{direct.swaps:>6} {direct.makespan:>7.0f} s{ours.swaps:>6} {ours.makespan:>7.0f} s"
            f"{rows[-1]['swap_ratio']:>8.2f}{rows[-1]['makespan_ratio']:>7.2f}{rows[-1]['optimum_ratio']:>9.2f}"
            f"{len(simulated.swaps):>11}{rows[-1]['longest_extra_wait_s']:>10.1f} s"
        )
    middle = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    return middle | {
        "longest_extra_wait_s": max(row["longest_extra_wait_s"] for row in rows),
        "max_wait_s": MAX_WAIT,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--turns", type=int, default=600)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    # The first load of each model takes as long as it does later, and not as long as its size lets expect.
    engine_memory.LEAST_LOAD_SECONDS, engine_memory.BYTES_A_SECOND = LOAD_SECONDS / SPEED, float("inf")
    figures = asyncio.run(measure(options.seeds, options.turns))
    print(", ".join(f"{name} {figure:.3g}" for name, figure in figures.items()))
    if options.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
