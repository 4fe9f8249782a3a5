"""A loaded model: starts the process that holds the weights, asks it, and ends it."""

import asyncio
import json
import secrets
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Self, cast

import aiohttp

from mdsa_server.embedded_ollama.prompt import Prompt
from mdsa_server.embedded_ollama.wire import Refused

PACKAGE_PARENT = Path(__file__).resolve().parents[2]
# Without it a console window would open for the process on Windows; elsewhere there is no such flag.
NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)
TERMINATED = "llama runner process has terminated"
NO_TIMEOUT = aiohttp.ClientTimeout(total=None)


class Runner:
    """One process, one model, one size of context. Methods raise Refused where it is gone or says no."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, key: str, context: int, slots: int) -> None:
        self.context = context
        """Tokens, for each answer."""
        self._process = process
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}"}
        # A semaphore hands out turns in the order they were asked for.
        self._slots = asyncio.Semaphore(slots)
        # A connection tells of the process's end before the system does.
        self._broken = False

    @classmethod
    async def start(cls, weights: Path, context: int, *, slots: int) -> Self:
        """Load the weights; takes about half a second. Raises Refused."""
        key = secrets.token_urlsafe()
        order = {"weights": str(weights), "context": context, "slots": slots, "key": key}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "mdsa_server.embedded_ollama.runner_process"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=PACKAGE_PARENT,
            creationflags=NO_WINDOW,
        )
        try:
            cast(asyncio.StreamWriter, process.stdin).write(json.dumps(order).encode() + b"\n")
            said = await cast(asyncio.StreamReader, process.stdout).readline()
        except BaseException:  # A load that nobody waits for any more is not finished.
            _kill(process)
            raise
        if not said:
            raise Refused(500, f"{TERMINATED}: exit status {await process.wait()}")
        return cls(process, json.loads(said)["url"], key, context, slots)

    @property
    def alive(self) -> bool:
        return not self._broken and self._process.returncode is None

    def end(self) -> None:
        """Unload. Answers in progress break off."""
        _kill(self._process)

    async def complete(self, prompt: Prompt, settings: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """Generate: llama.cpp's events, the last with a true `stop`. Closing this stops the generation."""
        body = {**settings, "prompt": prompt, "stream": True, "cache_prompt": True}
        async with self._slots, self._asking("/completion", body) as response:
            async for line in response.content:
                if line.startswith(b"data: "):
                    yield json.loads(line.removeprefix(b"data: "))

    async def tokenize(self, text: str) -> list[int]:
        async with self._asking("/tokenize", {"content": text}) as response:
            return cast(list[int], (await response.json())["tokens"])

    async def embed(self, texts: list[list[int]]) -> list[list[float]]:
        """Embed texts, given as tokens: one unit vector each."""
        async with self._slots, self._asking("/v1/embeddings", {"input": texts}) as response:
            return [row["embedding"] for row in (await response.json())["data"]]

    @asynccontextmanager
    async def _asking(self, path: str, body: dict[str, Any]) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask on a connection of its own: the process closes idle ones at moments that suit nobody."""
        try:
            async with (
                aiohttp.ClientSession(self._url, headers=self._headers, timeout=NO_TIMEOUT) as session,
                session.post(path, json=body) as response,
            ):
                if response.status != 200:
                    fault = (await response.json(content_type=None)).get("error", {})
                    raise Refused(500, str(fault.get("message", f"status {response.status}")))
                yield response
        except aiohttp.ClientError as error:
            self._broken = True
            self.end()
            raise Refused(500, TERMINATED) from error


def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
