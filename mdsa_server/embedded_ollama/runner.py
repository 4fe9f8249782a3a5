"""A loaded model: starts the process that holds the weights, asks it, and ends it."""

import asyncio
import json
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import aiohttp

from mdsa_server.embedded_ollama.prompt import Prompt
from mdsa_server.embedded_ollama.wire import Refused

PACKAGE_PARENT = Path(__file__).resolve().parents[2]
# A console window of its own would open for each process on Windows.
NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)
TERMINATED = "llama runner process has terminated"


class Runner:
    """One process, one model, one context size. Its methods raise Refused where it is gone or says no."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, key: str, context: int, slots: int) -> None:
        self.context = context
        """Tokens, for each answer."""
        self._process = process
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}"}
        self._slots = asyncio.Semaphore(slots)
        """Hands out turns in the order they were asked for."""

    @classmethod
    async def start(cls, weights: Path, *, context: int, slots: int) -> Self:
        """Load the weights; takes about half a second. Raises Refused."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "mdsa_server.embedded_ollama.runner_process"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=PACKAGE_PARENT,
            creationflags=NO_WINDOW,
        )
        key = secrets.token_urlsafe()
        order = {"weights": str(weights), "context": context, "slots": slots, "key": key}
        try:
            assert process.stdin is not None and process.stdout is not None  # Both were asked for.
            process.stdin.write(json.dumps(order).encode() + b"\n")
            said = await process.stdout.readline()
        except BaseException:
            _end(process)
            raise
        if not said:
            raise Refused(500, f"{TERMINATED}: exit status {await process.wait()}")
        return cls(process, json.loads(said)["url"], key, context, slots)

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    def end(self) -> None:
        """Unload: the memory is free as soon as the system has taken note."""
        _end(self._process)

    async def complete(self, prompt: Prompt, settings: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Generate; gives the server's events, the last with `stop` true. Closing it stops the generation."""
        body = {**settings, "prompt": prompt, "stream": True, "cache_prompt": True}
        async with self._slots, self._session() as session, session.post("/completion", json=body) as response:
            await _check(response)
            async for line in response.content:
                if line.startswith(b"data: "):
                    yield json.loads(line.removeprefix(b"data: "))

    async def tokenize(self, text: str) -> list[int]:
        answer = await self._ask("/tokenize", {"content": text})
        return [int(token) for token in answer["tokens"]]

    async def embed(self, tokens: list[list[int]]) -> list[list[float]]:
        """Embed texts given as tokens: one unit vector each."""
        async with self._slots:
            answer = await self._ask("/v1/embeddings", {"input": tokens})
        return [row["embedding"] for row in answer["data"]]

    async def _ask(self, path: str, body: dict[str, Any]) -> Any:
        async with self._session() as session, session.post(path, json=body) as response:
            await _check(response)
            return await response.json()
