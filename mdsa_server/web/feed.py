"""What all who watch a page are shown: made once for everybody, while anybody watches, and sent where it changed."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass

import structlog

from mdsa_server.chat.saving import Spawn

log = structlog.get_logger(__name__)

# A reader sees what happens within half a second, and what comes between is shown together.
INTERVAL_SECONDS = 0.5
# How many intervals to wait.
AFTER_A_FAILURE = 10


@dataclass(frozen=True)
class Section:
    """A part of a page."""

    name: str
    facts: object
    """What it shows; where these are what they were, it is not made anew."""
    frame: Callable[[], bytes]
    """Make it, as events of a stream."""


Look = Callable[[], Awaitable[Sequence[Section]]]
"""Gives the sections of a page as they are now, always the same ones in the same order."""


@dataclass
class _Shown:
    facts: object
    frame: bytes
    version: int


class Feed:
    """One page. It looks every `interval` seconds for as long as anybody follows it."""

    def __init__(self, look: Look, *, spawn: Spawn, interval: float = INTERVAL_SECONDS) -> None:
        self._look = look
        self._spawn = spawn
        self._interval = interval
        self._followers = 0
        self._task: asyncio.Task[None] | None = None
        self._shown: dict[str, _Shown] = {}
        self._version = 0
        self._frames: dict[int, bytes] = {}
        """Of this version, by the version that whoever gets it has seen: nearly all have seen the one before."""
        self._changed = asyncio.Event()
        self._closed = False

    async def follow(self) -> AsyncGenerator[bytes, None]:
        """Give all sections, then those that change, until the feed is closed."""
        self._followers += 1
        if self._task is None:
            self._task = self._spawn(self._keep_looking(), "feed")
        seen = 0
        try:
            while not self._closed:
                if seen < self._version:
                    frame, seen = self._frame(seen), self._version
                    yield frame
                else:
                    await self._changed.wait()
        finally:
            self._followers -= 1
            if not self._followers and self._task is not None:
                self._task.cancel()
                self._task = None
                # Whoever comes next is shown what is then, and not what was when nobody looked any more.
                self._shown.clear()
                self._frames.clear()
                self._version = 0

    def close(self) -> None:
        """End it for all who follow."""
        self._closed = True
        self._changed.set()

    def _frame(self, seen: int) -> bytes:
        if seen not in self._frames:
            self._frames[seen] = b"".join(one.frame for one in self._shown.values() if one.version > seen)
        return self._frames[seen]

    async def _keep_looking(self) -> None:
        while True:
            pause = self._interval
            try:
                self._show(await self._look())
            except Exception:
                # What is shown stays as it is, and whoever reads the log can tell why, without being flooded.
                log.exception("feed not brought up to date")
                pause *= AFTER_A_FAILURE
            await asyncio.sleep(pause)

    def _show(self, sections: Sequence[Section]) -> None:
        version = self._version + 1
        for section in sections:
            shown = self._shown.get(section.name)
            if shown is not None and shown.facts == section.facts:
                continue
            frame = section.frame()
            if shown is not None and shown.frame == frame:
                shown.facts = section.facts
                continue
            self._shown[section.name] = _Shown(section.facts, frame, version)
            self._version = version
        if self._version == version:
            self._frames.clear()
            self._changed.set()
            self._changed = asyncio.Event()


class Feeds:
    """The feeds of a page in its several forms, each made when it is first asked for."""

    def __init__(self, spawn: Spawn, *, interval: float = INTERVAL_SECONDS) -> None:
        self._spawn = spawn
        self._interval = interval
        self._feeds: dict[Hashable, Feed] = {}

    def of(self, form: Hashable, look: Look) -> Feed:
        if form not in self._feeds:
            self._feeds[form] = Feed(look, spawn=self._spawn, interval=self._interval)
        return self._feeds[form]

    def close(self) -> None:
        """End them all: the server stops."""
        for feed in self._feeds.values():
            feed.close()
