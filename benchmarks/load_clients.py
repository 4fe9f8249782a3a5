"""The clients of `benchmarks.load`: they converse, read, send documents, watch the monitor, and tell what they saw."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import aiohttp

TOKENS = 40
"""In each answer."""
HEALTH_PAUSE = 0.1
# Of twenty clients, so many of each kind; the others converse.
PAGES, UPLOADS, MONITORS = 3, 1, 2
OF_CLIENTS = 20
THINKING_SECONDS = 1.0
"""Between an answer and the next message, in the mean."""
TURNS_OF_A_CONVERSATION = 5
Work = Callable[[aiohttp.ClientSession], Awaitable[None]]
STREAM = {"Accept": "text/event-stream"}
PAGE_PATHS = ("/", "/turns", "/documents", "/domains", "/monitor", "/plugins", "/api/conversations", "/static/app.css")
DOCUMENT = "\n\n".join(f"Part {part}. " + "Oil the bearing of the pump every week. " * 15 for part in range(8))


@dataclass
class Seen:
    """What clients have seen."""

    done: Counter[str] = field(default_factory=Counter)
    """Whole answers, by kind of request."""
    errors: Counter[str] = field(default_factory=Counter)
    """By what went wrong."""
    frames: int = 0
    """How often something new was seen on open monitors."""
    health: list[float] = field(default_factory=list)
    """Seconds until `/health/live` was answered."""

    def add(self, other: Seen) -> None:
        self.done += other.done
        self.errors += other.errors
        self.frames += other.frames
        self.health += other.health


@dataclass(frozen=True)
class Load:
    server: str
    clients: int
    seconds: float
    """For so long new requests begin."""
    turns: int
    """So many turns at most; 0 is any number."""


class Failed(Exception):
    """An answer that is none; says what is wrong with it."""


class Clients:
    """Clients in one process."""

    def __init__(self, load: Load, number: int) -> None:
        self._load = load
        self._seen = Seen()
        self._chance = random.Random(number)
        self._watches_health = number == 0
        self._turns = count(1)
        self._names = (f"{number}-{name}.md" for name in count())
        self._enough = asyncio.Event()

    async def run(self) -> Seen:
        kinds: Sequence[Work] = (
            *[self._read_page] * PAGES,
            *[self._upload] * UPLOADS,
            *[self._watch_monitor] * MONITORS,
        )
        async with aiohttp.ClientSession(self._load.server, connector=aiohttp.TCPConnector(limit=0)) as session:
            work = [
                kinds[number % OF_CLIENTS] if number % OF_CLIENTS < len(kinds) else self._converse
                for number in range(self._load.clients)
            ]
            clients = [asyncio.create_task(self._keep(one, session)) for one in work]
            if self._watches_health:
                clients.append(asyncio.create_task(self._watch_health()))
            with suppress(TimeoutError):
                async with asyncio.timeout(None if self._load.turns else self._load.seconds):
                    await self._enough.wait()
            self._enough.set()
            await asyncio.gather(*clients)
        return self._seen

    async def _keep(self, work: Work, session: aiohttp.ClientSession) -> None:
        await self._pause()
        while not self._enough.is_set():
            try:
                await work(session)
            except (aiohttp.ClientError, TimeoutError, Failed) as error:
                self._seen.errors[f"{_name_of(work)}: {error or type(error).__name__}"[:200]] += 1
                await self._pause()

    async def _pause(self) -> None:
        await asyncio.sleep(self._chance.expovariate(1 / THINKING_SECONDS))

    async def _converse(self, session: aiohttp.ClientSession) -> None:
        """A conversation, its turns as JSON and as streams by turns."""
        conversation: dict[str, str] = {}
        for number in range(TURNS_OF_A_CONVERSATION):
            if self._enough.is_set() or (self._load.turns and next(self._turns) > self._load.turns):
                self._enough.set()
                return
            body = {"message": f"please fix this python function number {number}", **conversation}
            conversation = {"conversation": await (self._stream if number % 2 else self._ask)(session, body)}
            await self._pause()

    async def _ask(self, session: aiohttp.ClientSession, body: dict[str, str]) -> str:
        async with session.post("/api/chat", json=body) as response:
            turn = (await _checked(response))["turn"]
        if turn["outcome"] != "answered" or turn["answer"].count("word") != TOKENS:
            raise Failed(f"{turn['outcome']}, not whole")
        self._seen.done["chat"] += 1
        return str(turn["conversation"])

    async def _stream(self, session: aiohttp.ClientSession, body: dict[str, str]) -> str:
        async with session.post("/api/chat", json=body, headers=STREAM) as response:
            if response.status != 200:
                await _checked(response)
            told = await response.text()
        if "event: turn_finished" not in told or told.count("word") < TOKENS:
            raise Failed(f"a stream that is not whole: {told[-100:]!r}")
        self._seen.done["stream"] += 1
        return response.headers["X-MDSA-Conversation"]

    async def _read_page(self, session: aiohttp.ClientSession) -> None:
        async with session.get(self._chance.choice(PAGE_PATHS)) as response:
            if response.status != 200 or not await response.read():
                raise Failed(f"{response.status} of {response.url.path}")
        self._seen.done["page"] += 1
        await self._pause()

    async def _upload(self, session: aiohttp.ClientSession) -> None:
        """Send a document, and delete it again: what is stored is to stay the same."""
        form = aiohttp.FormData({"collection": "manuals"})
        name = next(self._names)
        form.add_field("files", f"{name}\n\n{DOCUMENT}".encode(), filename=name)
        async with session.post("/api/documents/upload", data=form) as response:
            finished = (await _checked(response))["finished"]
        if finished["new"] != 1:
            raise Failed(f"not taken in: {finished}")
        self._seen.done["upload"] += 1
        async with session.get("/api/documents", params={"limit": "1000"}) as response:
            documents = (await _checked(response))["documents"]
        unwanted = next(document["id"] for document in documents if document["source"] == name)
        async with session.delete(f"/api/documents/{unwanted}") as response:
            if response.status != 204:
                await _checked(response)
        self._seen.done["deletion"] += 1
        await self._pause()

    async def _watch_monitor(self, session: aiohttp.ClientSession) -> None:
        """Keep the monitor open; that it ends before we do is an error."""
        async with session.get("/monitor/stream?window=15m", timeout=aiohttp.ClientTimeout()) as response:
            if response.status != 200:
                raise Failed(f"{response.status} of the monitor")
            while not self._enough.is_set():
                if not await response.content.readany():
                    raise Failed("the monitor ended")
                self._seen.frames += 1

    async def _watch_health(self) -> None:
        """Ask for a sign of life, on a connection of its own, as what watches over servers does."""
        async with aiohttp.ClientSession(self._load.server) as session:
            while not self._enough.is_set():
                began = time.perf_counter()
                try:
                    async with session.get("/health/live") as response:
                        await _checked(response)
                except (aiohttp.ClientError, TimeoutError, Failed) as error:
                    self._seen.errors[f"health: {error or type(error).__name__}"[:200]] += 1
                self._seen.health.append(time.perf_counter() - began)
                await asyncio.sleep(HEALTH_PAUSE)


async def _checked(response: aiohttp.ClientResponse) -> Any:
    answer = await response.json(content_type=None)
    if response.status >= 400:
        raise Failed(f"{response.status} {answer.get('code')}: {answer.get('detail')}")
    return answer


def _name_of(work: Work) -> str:
    return getattr(work, "__name__", "").strip("_")
