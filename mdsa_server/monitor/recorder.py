"""Keeps what was counted: in the history of the last while, and in the store, so that a restart loses little."""

import asyncio
import time
from collections.abc import Callable, Mapping

import msgspec
import structlog

from mdsa_server.errors import MdsaError
from mdsa_server.inference.engine_memory import Loads
from mdsa_server.monitor.counters import Counters
from mdsa_server.monitor.history import History, Window
from mdsa_server.monitor.statistics import Statistics
from mdsa_server.store.statistics import StoredStatistics

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 10.0

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Statistics)


class Recorder:
    """Moves counts from `counters` into the history, and from there into the store."""

    def __init__(
        self,
        counters: Counters,
        stored: StoredStatistics,
        *,
        loads: Callable[[], Mapping[str, Loads]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`loads` tells what loading each model has cost since the server started."""
        self._counters = counters
        self._stored = stored
        self._loads = loads
        self._loaded = Loads()
        self._clock = clock
        self._history = History()

    async def open(self) -> None:
        """Go on where a former server stopped. Raises StoreUnusable."""
        known = []
        for step, start, counts in await self._stored.read():
            try:
                known.append((step, start, _decoder.decode(counts)))
            except msgspec.MsgspecError as error:
                log.warning("statistics passed over", step=step, start=start, reason=str(error))
        self._history = History(known)

    def spans(self, window: Window) -> list[tuple[int, Statistics]]:
        """Give the spans of a window up to this moment, as `History.spans` has them."""
        now = self.settle()
        return self._history.spans(window, now)

    async def keep_flushing(self) -> None:
        """Flush now and then, for as long as the server runs."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Store what has come; what cannot be stored now is stored with what comes next."""
        self.settle()
        changes = self._history.take_changes()
        spans = {
            change.step: {start: _encoder.encode(counts) for start, counts in change.spans.items()}
            for change in changes
        }
        try:
            await self._stored.keep(spans, {change.step: (change.oldest, change.newest) for change in changes})
        except BaseException as error:
            # Cancelled, it may have been stored or not; a whole span that is stored again changes nothing.
            self._history.not_stored(changes)
            if not isinstance(error, MdsaError):
                raise
            log.warning("statistics not stored", reason=error.detail, mend=error.mend)

    def settle(self) -> float:
        """Take over what was counted since the last time; give the moment it is counted in."""
        loads = self._loads().values()
        count, seconds = sum(one.count for one in loads), sum(one.seconds for one in loads)
        if count != self._loaded.count:
            self._counters.count(
                Statistics(loads=count - self._loaded.count, load_seconds=seconds - self._loaded.seconds)
            )
            self._loaded = Loads(count, seconds)
        now = self._clock()
        self._history.add(self._counters.settle(), now)
        return now
