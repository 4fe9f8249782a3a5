"""The processes that read documents, as the server sees them: started, asked, ended, and never waited for in vain."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from mdsa_server.knowledge.reading_orders import LENGTH_BYTES, READY, Order, Reply, decode_reply, encode

MOST_PROCESSES = 2
"""One slow document does not hold up all others, and the models keep most of the processor."""
START_SECONDS = 30.0
END_SECONDS = 5.0
IDLE_SECONDS = 10.0
"""How long one is kept for the next document; starting another takes a few tenths of a second."""
# The folder that holds the package. The child runs there: it finds the same code as we do, and no file
# in the folder that the user happens to stand in can take the place of a module.
PACKAGE_PARENT = Path(__file__).resolve().parents[2]


class ProcessDied(Exception):
    """It ended before it had answered; `code` is what the system says of it, negative for a signal."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"ended with {code}")
        self.code = code


class NotStarted(Exception):
    """No process can be had that reads."""


class ReadingProcess:
    """One such process. It reads one document at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None  # noqa: S101  # tells mypy that these are pipes
        assert process.stdout is not None  # noqa: S101
        self._process = process
        self._orders = process.stdin
        self._replies = process.stdout
        self.resting: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, memory: int) -> ReadingProcess:
        """Start one that may take so many bytes of memory. Raises NotStarted."""
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "mdsa_server.knowledge.reading_child", str(memory)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=PACKAGE_PARENT,
            )
        except OSError as error:
            raise NotStarted(str(error)) from error
        started = cls(process)
        try:
            async with asyncio.timeout(START_SECONDS):
                await started._receive(len(READY))
        except BaseException as error:
            await started.end()
            if isinstance(error, TimeoutError):
                raise NotStarted(f"it was not ready within {START_SECONDS:.0f} seconds") from error
            if isinstance(error, ProcessDied):
                raise NotStarted(f"it {error}") from error
            raise
        return started

    @property
    def alive(self) -> bool:
        return self._process.returncode is None and not self._replies.at_eof()

    async def ask(self, order: Order) -> Reply:
        """Have a document read. Raises ProcessDied. Whoever is cancelled meanwhile must end the process."""
        message = encode(order)
        try:
            self._orders.write(len(message).to_bytes(LENGTH_BYTES, "big") + message)
            await self._orders.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise ProcessDied(await self._process.wait()) from error
        length = int.from_bytes(await self._receive(LENGTH_BYTES), "big")
        reply: Reply = decode_reply(await self._receive(length))
        return reply

    async def end(self) -> None:
        """End it at once, whatever it does; one that the system cannot end, as a dead disk has it, is left behind."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._orders.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                # A pipe that nobody empties would keep its end from being noticed.
                while await self._replies.read(1 << 20):
                    pass
                await self._process.wait()

    async def _receive(self, length: int) -> bytes:
        try:
            return await self._replies.readexactly(length)
        except asyncio.IncompleteReadError as error:
            raise ProcessDied(await self._process.wait()) from error


class ReadingProcesses:
    """Those that are there, kept a while for the next document; they end with the event loop at the latest."""

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._slots = asyncio.Semaphore(MOST_PROCESSES)
        self._idle: list[ReadingProcess] = []

    async def ask(self, order: Order, seconds: float) -> Reply:
        """Have a document read within so many seconds. Raises TimeoutError, NotStarted and ProcessDied."""
        async with self._slots:
            if process := await self._idle_one():
                # It may have ended since, or be short of memory by what it read before: neither is this
                # document's fault, which is given another chance.
                with suppress(ProcessDied):
                    return await self._asked(process, order, seconds)
            return await self._asked(await ReadingProcess.start(self._memory), order, seconds)

    async def close(self) -> None:
        """End those that are idle; none may be lent any more."""
        resting = [process.resting for process in self._idle if process.resting is not None]
        for task in resting:
            task.cancel()
        await asyncio.gather(*resting, return_exceptions=True)

    async def _asked(self, process: ReadingProcess, order: Order, seconds: float) -> Reply:
        try:
            async with asyncio.timeout(seconds):
                reply = await process.ask(order)
        except BaseException:
            await process.end()
            raise
        self._idle.append(process)
        process.resting = asyncio.create_task(self._rest(process))
        return reply

    async def _idle_one(self) -> ReadingProcess | None:
        while self._idle:
            process = self._idle.pop()
            if process.resting is not None:
                process.resting.cancel()
            if process.alive:
                return process
            await process.end()
        return None

    async def _rest(self, process: ReadingProcess) -> None:
        try:
            await asyncio.sleep(IDLE_SECONDS)
        finally:
            # Also when the event loop ends, which cancels this. One that was lent again is not ours to end.
            if process in self._idle:
                self._idle.remove(process)
                await process.end()
