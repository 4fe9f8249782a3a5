"""A scripted memory with a number of places, filled and emptied by Ollama's own rule (its server/sched.go)."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mdsa_server.embedded_ollama.request_body import RequestBody
from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_memory import DEFAULT_CONTEXT, FOREVER, Loaded, ScriptedMemory


class LimitedMemory(ScriptedMemory):
    """All requests pass through one line.

    The first whose model is not there holds up the others until a place is free, and while a model loads, the first
    that needs another load. What goes is idle before busy, then kept for less long, then first by name; it takes no
    new requests, and goes when it is idle.
    """

    def __init__(self, places: int) -> None:
        super().__init__()
        self._places = places
        self._line = asyncio.Lock()
        self._load: asyncio.Event | None = None
        self._freed = asyncio.Event()
        self._kept: dict[str, float] = {}

    @asynccontextmanager
    async def use(self, model: ScriptedModel, asked: RequestBody) -> AsyncIterator[float]:
        context, seconds = asked.options.get("num_ctx", DEFAULT_CONTEXT), 0.0
        async with self._line:
            loaded = self._usable(model, context)
            if loaded is None and self._load is not None:
                await self._load.wait()
                loaded = self._usable(model, context)
            if loaded is None:
                await self._make_room(model)
                load = self._load = asyncio.Event()
            else:
                loaded.users += 1
        if loaded is None:
            try:
                loaded = await self._bring_in(model, context)
            finally:
                # Over, too, where the client has left.
                self._load = None
                load.set()
            seconds = model.load_seconds
        try:
            yield seconds
        finally:
            loaded.users -= 1
            self._kept[model.name] = asked.keep_alive
            loaded.expires = 0.0 if loaded.dropped else time.time() + min(asked.keep_alive, FOREVER)
            self._freed.set()

    def _usable(self, model: ScriptedModel, context: int) -> Loaded | None:
        loaded = self.now().get(model.name)
        return loaded if loaded is not None and loaded.context == context and not loaded.dropped else None

    async def _make_room(self, model: ScriptedModel) -> None:
        while model.name in self.now() or len(self.now()) >= self._places:
            names = [model.name] if model.name in self.now() else list(self.now())
            victim = min(names, key=lambda name: (self.now()[name].users > 0, self._kept.get(name, 0.0), name))
            leaving = self.now()[victim]
            leaving.dropped, leaving.expires = True, 0.0
            while leaving.users:
                self._freed.clear()
                await self._freed.wait()

    async def _bring_in(self, model: ScriptedModel, context: int) -> Loaded:
        await asyncio.sleep(model.load_seconds)
        loaded = self._loaded[model.name] = Loaded(context, 0.0, users=1)
        self.loads.append(model.name)
        return loaded
