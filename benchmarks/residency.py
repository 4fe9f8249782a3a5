"""What swapping models costs: turns of several clients straight at an engine, and through the model keeper.

usage: python -m benchmarks.residency [--json] [--turns N] [--seeds N] [--real]

Six clients, each sending its next turn when the last has ended, share three models on an engine that has room
for two. The engine is scripted (`tests/fakes/limited_memory.py`): a load takes 2 s and a token 40 ms, on a clock
that runs twenty times as fast, and what has to go is chosen as Ollama does. Each seed's turns are served straight
and through the keeper; beside the measured swaps stand those of a simulation of the recorded turns, and the fewest
there could have been for the order in which the keeper served them (Belady's optimum).

`--real` has 60 turns served by a real Ollama, started for it, with three small models of their own weights, at its
own pace; what it loaded is read from its log. Where it cannot be installed, that is said.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import structlog

from mdsa_server.evaluation.residency import FirstCome, Job, Kept, Outcome, Served, longest_extra_wait, optimum
from mdsa_server.inference import engine_memory
from mdsa_server.inference.engine import Engine, EnginePlace
from mdsa_server.inference.model_keeper import ModelKeeper
from mdsa_server.inference.ollama import OllamaClient
from mdsa_server.inference.residency import Limits, Swap, Unit
from mdsa_server.supervisor import Supervisor
from mdsa_server.vocabulary.conversation import Message
from mdsa_server.vocabulary.domain import ModelOptions
from mdsa_server.vocabulary.models import EngineStatus
from tests.fakes.limited_memory import LimitedMemory
from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.wire.engines import real_engine

SPEED = 20.0
MODELS = ("one", "two", "three")
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
    jobs: Sequence[Job]
    """The turns as they were recorded, in the order of the trace."""


def trace(seed: int, turns: int) -> list[Turn]:
    """Make up turns: any model, a short or a longer answer."""
    chance = random.Random(seed)
    return [(chance.choice(MODELS), chance.randint(*TOKENS)) for _ in range(turns)]


class SwapLog:
    """Reads from the keeper's log what it swapped, and when; nothing is printed."""

    def __init__(self) -> None:
        self.swaps: list[tuple[float, Swap]] = []
        self.load_seconds: list[float] = []
        self._leaving: list[Unit] = []
        self._began: float | None = None
        structlog.configure(processors=[self._read])

    def _read(self, _: Any, __: str, line: MutableMapping[str, Any]) -> Any:
        if line["event"] == "unloading model":
            self._leaving.append(Unit(line["model"]))
            self._began = self._began or time.monotonic()
        elif line["event"] == "model loaded":
            began = self._began or time.monotonic() - line["seconds"]
            self.swaps.append((began, Swap(Unit(line["model"]), tuple(self._leaving))))
            self.load_seconds.append(line["seconds"])
            self._leaving, self._began = [], None
        raise structlog.DropEvent


@dataclass(frozen=True)
class Stage:
    """An engine to measure on."""

    url: str
    speed: float
    """How much faster than ours its clock runs."""
    options: Callable[[int], ModelOptions]
    """What to ask with for an answer of so many tokens."""
    loads: Callable[[], int]
    """How many models it has loaded."""


Stages = Callable[[], AbstractAsyncContextManager[Stage]]


async def straight(stages: Stages, turns: Sequence[Turn]) -> Run:
    """Send each turn to the engine as it comes."""
    async with stages() as stage:
        client = OllamaClient(stage.url)
        seconds = await serve(turns, lambda _, turn: answer(client, stage, turn, 300.0))
        await client.close()
        return Run(stage.loads(), seconds * stage.speed, Outcome(), [job_of(turn) for turn in turns])


async def kept(stages: Stages, turns: Sequence[Turn]) -> Run:
    """Have each turn take a lease first."""
    outcome, log = Outcome(), SwapLog()
    jobs = [job_of(turn) for turn in turns]
    async with stages() as stage, keeper_of(stage) as keeper:

        async def ask(number: int, turn: Turn) -> None:
            arrived = time.monotonic() * stage.speed
            model, tokens = turn
            async with keeper.lease([model], stage.options(tokens)) as lease:
                async for _ in lease.admission(time.monotonic):
                    pass
                admitted, place = time.monotonic() * stage.speed, len(outcome.served)
                outcome.served.append(Served(jobs[number], arrived, admitted))
                await answer(lease.client, stage, turn, float(lease.keep_alive))
                jobs[number] = replace(jobs[number], seconds=time.monotonic() * stage.speed - admitted)
                outcome.served[place] = Served(jobs[number], arrived, admitted)

        seconds = await serve(turns, ask)
        outcome.swaps = [(moment * stage.speed, swap) for moment, swap in log.swaps]
        load_seconds = statistics.median(log.load_seconds) * stage.speed
        recorded = [replace(job, load_seconds=load_seconds) for job in jobs]
        return Run(stage.loads(), seconds * stage.speed, outcome, recorded)


async def serve(turns: Sequence[Turn], ask: Callable[[int, Turn], Awaitable[None]]) -> float:
    """Have the clients work through the turns; gives the seconds it took."""
    left = deque(enumerate(turns))

    async def client() -> None:
        while left:
            await ask(*left.popleft())

    began = time.monotonic()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return time.monotonic() - began


async def answer(client: OllamaClient, stage: Stage, turn: Turn, keep_alive: float) -> None:
    """Read a turn's answer."""
    model, tokens = turn
    question = [Message(role="user", content=str(tokens))]
    async for _ in client.chat(model, question, options=stage.options(tokens), keep_alive=keep_alive):
        pass


@asynccontextmanager
async def scripted_stage() -> AsyncIterator[Stage]:
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
    # The first load of each model takes as long as it does later, and not as long as its size lets expect.
    first_load = patch.multiple(engine_memory, LEAST_LOAD_SECONDS=LOAD_SECONDS / SPEED, BYTES_A_SECOND=float("inf"))
    async with scripted:
        with first_load:
            yield Stage(scripted.url, SPEED, lambda _: {}, lambda: len(scripted.memory.loads))


@asynccontextmanager
async def real_stage() -> AsyncIterator[Stage]:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "server.log")
        with real_engine(log, models=MODELS, OLLAMA_MAX_LOADED_MODELS=str(PLACES)) as engine:
            yield Stage(
                engine.url,
                1.0,
                lambda tokens: {"num_ctx": 512, "num_predict": tokens, "temperature": 0},
                lambda: log.read_text(errors="replace").count("starting llama server"),
            )


@asynccontextmanager
async def keeper_of(stage: Stage) -> AsyncIterator[ModelKeeper]:
    async def url() -> str:
        return stage.url

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
        limits=Limits(max_models=PLACES, max_wait=MAX_WAIT / stage.speed, max_running=64),
        max_line=64,
        prefer="best",
        worth=0.0,
        keep_alive=300.0,
        pinned=(),
        preload={},
        spawn=supervisor.spawn,
    )
    await supervisor.close()
    await engine.close()


def job_of(turn: Turn) -> Job:
    model, tokens = turn
    return Job(unit=Unit(model), seconds=tokens * TOKEN_SECONDS, load_seconds=LOAD_SECONDS)


async def measure(stages: Stages, seeds: int, turns: int) -> dict[str, float]:
    """Serve each seed's turns both ways; print a row for each, give the medians."""
    rows: list[dict[str, float]] = []
    print("seed        straight            kept   swaps   time  optimum  simulated  extra wait")
    for seed in range(seeds):
        made = trace(seed, turns)
        direct, ours = await straight(stages, made), await kept(stages, made)
        simulated = Kept(ours.jobs, Limits(max_models=PLACES, max_wait=MAX_WAIT, max_running=64), CLIENTS).run()
        alone = FirstCome(direct.jobs, PLACES, CLIENTS).run()
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
    parser.add_argument("--real", action="store_true", help="60 turns, once, on a real Ollama")
    parser.add_argument("--turns", type=int, default=600)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    try:
        if options.real:
            figures = asyncio.run(measure(real_stage, 1, min(options.turns, 60)))
        else:
            figures = asyncio.run(measure(scripted_stage, options.seeds, options.turns))
    except pytest.skip.Exception as reason:
        sys.exit(str(reason))
    print(", ".join(f"{name} {figure:.3g}" for name, figure in figures.items()))
    if options.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
