"""A server as `mdsa serve` runs it, a process of its own that a test may kill."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

START_SECONDS = 60.0
END_SECONDS = 30.0

CONFIGURATION = """\
[store]
path = "data"
[engine]
url = "{engine}"
connect_timeout = 1.0
stall_timeout = 5.0
[embedding]
provider = "ollama"
model = "embeds"
[routing]
routers = ["keyword_router"]
[residency]
max_running = 64
[limits]
requests_per_minute = 1000000
turns_at_once = 64
[plugin_host]
disabled = ["embedding_router"]  # it would load PyTorch, for nothing that is looked at here
[server]
port = 0
shutdown_seconds = {patience}
[logging]
format = "json"
[domains.general]
description = "Everything else"
"""


@dataclass
class ServerProcess:
    """A server that was started on a folder. Nobody need have waited for it to answer."""

    folder: Path
    process: subprocess.Popen[bytes]

    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        """Wait until it answers, and give a client that may do everything."""
        deadline = time.monotonic() + START_SECONDS
        while (told := self._word()) is None:
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            await asyncio.sleep(0.02)
        allowed = {"Authorization": f"Bearer {told['secret']}"}
        async with httpx.AsyncClient(base_url=told["url"], headers=allowed, timeout=END_SECONDS) as client:
            # It listens from before it leaves word, and answers once all is open.
            assert (await client.get("/health/ready")).is_success, self.log()
            yield client

    def _word(self) -> dict[str, Any] | None:
        """What it left in its folder, where it left that itself: one that was killed leaves its word behind."""
        try:
            told: dict[str, Any] = json.loads((self.folder / "data" / "server.json").read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return told if told["pid"] == self.process.pid else None

    async def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        await self.ended()

    async def ended(self) -> int:
        """Wait for its end, and give its exit code."""
        return await asyncio.to_thread(self.process.wait, END_SECONDS)


@contextmanager
def started(folder: Path, engine: str, more: str = "", *, patience: float = 0.5) -> Iterator[ServerProcess]:
    """Start a server on a folder. It is ended when the block ends."""
    (folder / "mdsa.toml").write_text(CONFIGURATION.format(engine=engine, patience=patience) + more, "utf-8")
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mdsa_server", "serve"],
            cwd=folder,
            env=_environment(),
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
    try:
        yield ServerProcess(folder, process)
    finally:
        process.kill()
        process.wait(END_SECONDS)


def _environment() -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MDSA_", "OLLAMA_"))}
    return kept | {"PYTHONUTF8": "1", "OLLAMA_HOST": "127.0.0.1:9"}
