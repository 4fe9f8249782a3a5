"""Looks at the machine now and then, in a thread, and counts what was seen."""

import asyncio
from collections.abc import Callable

import structlog

from mdsa_server.monitor.host import HostReading
from mdsa_server.monitor.statistics import Samples, Statistics
from mdsa_server.plugin_api.own_thread import in_own_thread

log = structlog.get_logger(__name__)

LOOK_SECONDS = 5.0
# The first reading only begins to measure.
FIRST_SECONDS = 1.0
# A sensor that hangs costs one thread, and no more looks are taken until it answers.
PATIENCE_SECONDS = 10.0

HUNG = "the machine's sensors do not answer"


class HostWatch:
    """Keeps the latest reading; `count` is told each one."""

    def __init__(
        self,
        read: Callable[[], HostReading],
        count: Callable[[Statistics], None],
        *,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._read = read
        self._count = count
        self._patience = patience
        self._told: tuple[str, ...] = ()
        self.latest: HostReading | None = None
        """None until there is one."""
        self.problem = ""
        """Why there is none, or no newer one."""

    async def watch(self) -> None:
        """Look now and then, for as long as the server runs."""
        await self.look()
        await asyncio.sleep(FIRST_SECONDS)
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Look once, and wait for it however long it takes; the loop goes on meanwhile."""
        reading = asyncio.ensure_future(in_own_thread(self._read, name="read the machine"))
        try:
            if not (await asyncio.wait([reading], timeout=self._patience))[0]:
                self.problem = HUNG
                log.warning(HUNG, seconds=self._patience)
            self.latest = latest = await reading
        finally:
            reading.cancel()
        self.problem = ""
        if latest.faults != self._told:
            self._told = latest.faults
            log.warning("the machine is not known in whole", faults=latest.faults)
        self._count(samples(latest))


def samples(reading: HostReading) -> Statistics:
    """Count what a reading tells."""
    return Statistics(
        processor=_sample(reading.processor),
        own_processor=_sample(reading.own_processor),
        memory=_sample(reading.memory_used),
        own_memory=_sample(reading.own_memory),
    )


def _sample(value: float | None) -> Samples:
    return Samples() if value is None else Samples.of(value)
