"""A keeper of a scripted engine's models, and turns that lease them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from mdsa_server.inference import engine_memory
from mdsa_server.inference.engine import Engine, EnginePlace
from mdsa_server.inference.lease import Lease
from mdsa_server.inference.model_keeper import ModelKeeper
from mdsa_server.inference.residency import Limits, Prefer
from mdsa_server.supervisor import Supervisor
from mdsa_server.vocabulary.conversation import Message
from mdsa_server.vocabulary.domain import ModelOptions
from mdsa_server.vocabulary.events import ModelChosen, ModelLoading, ModelWaiting
from mdsa_server.vocabulary.models import EngineStatus
from mdsa_server.vocabulary.stopwatch import stopwatch
from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama

LOAD_SECONDS = 0.02
A, B, C = "a:1b", "b:1b", "c:1b"
HELLO = [Message(role="user", content="hello")]
Told = list[ModelChosen | ModelWaiting | ModelLoading]


@dataclass
class Kept:
    """A keeper, and the engine it keeps."""

    keeper: ModelKeeper
    engine: ScriptedOllama

    @property
    def resident(self) -> set[str]:
        return set(self.engine.memory.now())

    @property
    def moves(self) -> list[str]:
        """What was loaded and unloaded, as the engine was asked: `+a:1b`, `-a:1b`."""
        return [
            ("-" if body.get("keep_alive") == 0 else "+") + body["model"]
            for body in self.engine.asked("/api/chat")
            if not body["messages"]
        ]

    async def use(self, *models: str, options: ModelOptions | None = None) -> tuple[Told, int]:
        """Take a lease and give it back; gives what was told meanwhile, and the context."""
        async with self.keeper.lease(models, options or {}) as lease:
            told = await admitted(lease)
            return told, lease.context

    async def ask(self, model: str) -> Told:
        """Have a turn answered; gives what was told before."""
        async with self.keeper.lease([model], {}) as lease:
            told = await admitted(lease)
            chunks = lease.client.chat(model, HELLO, options={}, keep_alive=lease.keep_alive)
            async for chunk in chunks:
                if chunk.done:
                    lease.answered(chunk)
        return told


async def admitted(lease: Lease) -> Told:
    """Wait until a lease is admitted."""
    return [event async for event in lease.admission(stopwatch())]


@asynccontextmanager
async def kept(
    *models: str, max_models: int = 2, max_wait: float = 5.0, max_running: int = 9, **options: Any
) -> AsyncIterator[Kept]:
    """A keeper of an engine with these models."""
    scripted = [ScriptedModel(name=name, load_seconds=LOAD_SECONDS) for name in models or (A, B, C)]
    async with (
        ScriptedOllama(*scripted) as engine,
        keeper_of(
            engine.url, Limits(max_models=max_models, max_wait=max_wait, max_running=max_running), **options
        ) as keeper,
    ):
        engine.requests.clear()
        yield Kept(keeper, engine)


@asynccontextmanager
async def keeper_of(
    engine_url: str | list[str],
    limits: Limits,
    *,
    max_line: int = 9,
    prefer: Prefer = "balanced",
    worth: float = 0.0,
    keep_alive: float = 300.0,
    pinned: Sequence[str] = (),
    preload: Sequence[str] = (),
) -> AsyncIterator[ModelKeeper]:
    """A keeper of the models of the engine at `engine_url`; of several it is at the last."""

    async def url() -> str:
        return engine_url if isinstance(engine_url, str) else engine_url[-1]

    engine = Engine(
        [EnginePlace(kind="ollama", url=url)],
        absent=EngineStatus(kind="none", problem="No engine.", mend="Start one."),
        default_model="auto",
        connect_timeout=1,
        stall_timeout=60,
    )
    await engine.find()
    supervisor = Supervisor()
    with patch.object(engine_memory, "LEAST_LOAD_SECONDS", LOAD_SECONDS):
        yield ModelKeeper(
            engine,
            limits=limits,
            max_line=max_line,
            prefer=prefer,
            worth=worth,
            keep_alive=keep_alive,
            pinned=pinned,
            preload={name: {} for name in (*pinned, *preload)},
            spawn=supervisor.spawn,
        )
    await supervisor.close()
    await engine.close()
