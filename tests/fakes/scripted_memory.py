"""What a scripted engine has in memory: models come when asked for and go when their keep_alive ends."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from mdsa_server.embedded_ollama.request_body import RequestBody
from tests.fakes.script import ScriptedModel

DEFAULT_CONTEXT = 4096
# What Ollama tells of a model that stays for ever lies as far in the future.
FOREVER = 100 * 365 * 24 * 3600.0


@dataclass
class Loaded:
    """A model in the scripted memory."""

    context: int
    expires: float
    """Seconds since the epoch."""
    users: int = 0
    dropped: bool = False
    """Goes as soon as it is idle, whatever its users asked for."""


class ScriptedMemory:
    """Loads take `load_seconds` once for all who wait; another `num_ctx` loads again."""

    def __init__(self) -> None:
        self.loads: list[str] = []
        """The names of the models that were loaded, in order."""
        self._loaded: dict[str, Loaded] = {}
        self._loading: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def now(self) -> dict[str, Loaded]:
        """What is resident at this moment, by name."""
        now = time.time()
        self._loaded = {name: one for name, one in self._loaded.items() if one.users or one.expires > now}
        return self._loaded

    def drop(self, model: ScriptedModel) -> None:
        """Take a model out, or once it is idle where it is busy."""
        loaded = self.now().get(model.name)
        if loaded is not None:
            loaded.dropped, loaded.expires = True, 0.0

    @asynccontextmanager
    async def use(self, model: ScriptedModel, asked: RequestBody) -> AsyncIterator[float]:
        """Have a model in memory for one request; gives the seconds its load took."""
        context = asked.options.get("num_ctx", DEFAULT_CONTEXT)
        seconds = 0.0
        async with self._loading[model.name]:
            loaded = self.now().get(model.name)
            if loaded is None or loaded.context != context:
                seconds = model.load_seconds
                await asyncio.sleep(seconds)
                loaded = self._loaded[model.name] = Loaded(context, 0.0)
                self.loads.append(model.name)
            loaded.users += 1
            loaded.dropped = False
        try:
            yield seconds
        finally:
            loaded.users -= 1
            loaded.expires = 0.0 if loaded.dropped else time.time() + min(asked.keep_alive, FOREVER)
