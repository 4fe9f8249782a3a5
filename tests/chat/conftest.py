"""A desk with a real store and a real client of a scripted engine; the test offers routers, retrievers and tools."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from mdsa_server.chat.desk import Desk, Team
from mdsa_server.chat.live_turns import LiveTurns
from mdsa_server.errors import MdsaError, PluginFault
from mdsa_server.inference.engine import Engine, EnginePlace
from mdsa_server.inference.model_keeper import ModelKeeper
from mdsa_server.inference.residency import Limits
from mdsa_server.monitor.counters import Counters
from mdsa_server.plugin_api import Candidate, Domain, Evidence, Opinion, Retriever, RouteQuery, Router, Tool
from mdsa_server.store.conversations import Conversations
from mdsa_server.store.database import Database
from mdsa_server.store.turn_log import TurnLog
from mdsa_server.supervisor import Supervisor
from mdsa_server.vocabulary.events import TurnEvent
from mdsa_server.vocabulary.models import EngineStatus
from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama

T = TypeVar("T")

GENERAL = Domain(name="general", description="Everything else", instructions="Be brief.")
CODE = Domain(name="code", description="Programs", options={"temperature": 0.1})


class WordRouter:
    """Sure of the domain whose name is in the message."""

    name = "word_router"

    def __init__(self) -> None:
        self.asked: list[RouteQuery] = []

    async def fit(self, domains: Sequence[Domain]) -> None:
        self.known = [domain.name for domain in domains]

    async def route(self, query: RouteQuery) -> Opinion:
        self.asked.append(query)
        found = [name for name in ("general", "code", "gone") if name in query.message]
        return Opinion(
            candidates=tuple(Candidate(name, 0.9) for name in found),
            evidence=tuple(Evidence("keyword", name, name) for name in found),
        )


@dataclass
class Offering:
    """Offers what the test gives it; a call that raises is a plugin's fault, as in the plugin host."""

    routers: list[Router] = field(default_factory=list)
    retrievers: list[Retriever] = field(default_factory=list)
    own_tools: list[Tool] = field(default_factory=list)

    async def tools(self) -> Sequence[Tool]:
        return self.own_tools

    async def call(
        self,
        offered: object,
        work: Callable[[], Awaitable[T]],
        *,
        timeout: float | None = None,  # noqa: ASYNC109  # as the registry's
    ) -> T:
        try:
            async with asyncio.timeout(timeout):
                return await work()
        except MdsaError:
            raise
        except Exception as error:
            raise PluginFault(f"{type(error).__name__}: {error}") from error


async def embed(texts: Sequence[str], *, cached: bool = False) -> "np.typing.NDArray[np.float32]":
    return np.ones((len(texts), 3), dtype=np.float32)


@dataclass
class Office:
    """All that turns need, and the parts a test looks at."""

    engine: ScriptedOllama
    live_turns: LiveTurns
    offering: Offering
    turn_log: TurnLog
    counters: Counters
    database: Database

    @property
    def model(self) -> ScriptedModel:
        return next(iter(self.engine.models.values()))


@asynccontextmanager
async def open_office(folder: Path) -> AsyncIterator[Office]:
    async with ScriptedOllama() as scripted:

        async def url() -> str:
            return scripted.url

        engine = Engine(
            [EnginePlace(kind="ollama", url=url)],
            absent=EngineStatus(kind="none", problem="No engine.", mend="Start one."),
            default_model="auto",
            connect_timeout=1.0,
            stall_timeout=1.0,
        )
        await engine.find()
        database = await Database.open(folder / "mdsa.sqlite3")
        turn_log, offering, supervisor, counters = TurnLog(database, 100), Offering(), Supervisor(), Counters()
        desk = Desk(
            team=Team(
                domains={"general": GENERAL, "code": CODE},
                routers=("word_router",),
                fallback="general",
                min_confidence=0.5,
                target_precision=0.9,
                on_tie="ask",
                router_timeout=0.2,
            ),
            offers=offering,
            keeper=ModelKeeper(
                engine,
                limits=Limits(max_models=3, max_wait=5.0, max_running=64),
                max_line=64,
                prefer="balanced",
                worth=5.0,
                keep_alive=300.0,
                pinned=(),
                preload={},
                spawn=supervisor.spawn,
            ),
            conversations=Conversations(database),
            embed=embed,
        )
        offering.routers = [WordRouter()]
        live_turns = LiveTurns(
            desk,
            turn_log,
            spawn=supervisor.spawn,
            observe=counters.observe,
            max_message_chars=1000,
            most_at_once=100,
        )
        yield Office(scripted, live_turns, offering, turn_log, counters, database)
        await live_turns.close(0)
        await supervisor.close()
        await engine.close()
        await database.close()


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(tmp_path) as office:
        yield office


async def events_of(office: Office, message: str, **options: Any) -> list[TurnEvent]:
    """Run a turn to its end and give what it told."""
    live = await office.live_turns.start("local", message, **options)
    return [event async for batch in live.follow() for _, event in batch]
