"""The `mdsa` command run as people run it: a process of its own, in a folder with a configuration."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import Signals

PATIENCE_SECONDS = 30.0

CONFIGURATION = """\
[store]
path = "data"
[engine]
url = "{engine}"
connect_timeout = 10.0
stall_timeout = 5.0
[routing]
routers = ["keyword_router"]
[plugin_host]
disabled = ["embedding_router"]  # it would load PyTorch, for nothing that is looked at here
[server]
port = 0
shutdown_seconds = 0.5
[domains.general]
description = "Everything else"
[domains.code]
description = "Questions about programs"
keywords = ["python", "function"]
"""


@dataclass(frozen=True)
class Finished:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


class Running:
    """A command that runs; what it prints to standard output can be waited for."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._out = ""

    def type(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n".encode())

    def signal(self, number: Signals) -> None:
        self._process.send_signal(number)

    async def prints(self, text: str) -> str:
        """Wait until `text` was printed, and give all that was printed since it was last waited."""
        assert self._process.stdout
        async with asyncio.timeout(PATIENCE_SECONDS):
            while text not in self._out:
                piece = await self._process.stdout.read(65536)
                assert piece, f"ended without printing {text!r}: {self._out}"
                self._out += piece.decode()
        before, _, self._out = self._out.partition(text)
        return before + text

    async def ends(self) -> Finished:
        """Close its input and wait for its end."""
        assert self._process.stdin
        self._process.stdin.close()
        async with asyncio.timeout(PATIENCE_SECONDS):
            out, err = await self._process.communicate()
        assert self._process.returncode is not None
        return Finished(self._process.returncode, self._out + out.decode(), err.decode())

    async def ends_when_interrupted(self) -> Finished:
        """Send SIGINT until it ends: one that comes just before a read begins is heeded only at the next."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self._process.returncode is None:
                self.signal(Signals.SIGINT)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._process.wait(), 3)
        return await self.ends()

    async def stop(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


@dataclass(frozen=True)
class Terminal:
    """A folder to run commands in, and the Python that has them."""

    folder: Path
    python: str = sys.executable

    def configure(self, engine: str, more: str = "") -> None:
        (self.folder / "mdsa.toml").write_text(CONFIGURATION.format(engine=engine) + more, "utf-8")

    async def mdsa(self, *arguments: str, typed: str = "", **environ: str) -> Finished:
        """Run a command to its end."""
        async with self.running(*arguments, **environ) as command:
            if typed:
                command.type(typed.removesuffix("\n"))
            return await command.ends()

    @asynccontextmanager
    async def running(self, *arguments: str, **environ: str) -> AsyncIterator[Running]:
        """Run a command while the block runs."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MDSA_", "OLLAMA_"))}
        settled = {"PYTHONUTF8": "1", "OLLAMA_HOST": "127.0.0.1:9"}
        command = Running(
            await asyncio.create_subprocess_exec(
                self.python,
                "-m",
                "mdsa_server",
                *arguments,
                cwd=self.folder,
                env=kept | settled | environ,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
            )
        )
        try:
            yield command
        finally:
            await command.stop()
