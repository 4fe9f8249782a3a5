"""The plugin `mcp_tools` with real MCP servers, which run as processes of their own."""

import asyncio
import importlib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psutil

from mdsa_server.plugin_host.discovery import discover
from mdsa_server.plugin_host.registry import PluginRegistry
from tests.plugins.first_party import PLUGINS, opened

(PLUGIN,) = (plugin for plugin in discover(PLUGINS, []) if plugin.name == "mcp_tools")
MODULE: Any = PLUGIN.load()


def part(name: str) -> Any:
    """One of the plugin's modules."""
    return importlib.import_module(f"{MODULE.__name__}.{name}")


SERVER = Path(__file__).with_name("mcp_server.py")
TIME = {"command": [sys.executable, "-m", "mcp_server_time"]}
PATIENCE_SECONDS = 20.0


def stdio(mischief: str = "", *, pids: Path | None = None, env: dict[str, str] | None = None, **more: Any) -> Any:
    """The settings of a server over stdio; it writes its process ids to the file `pids`."""
    told = {"MISCHIEF": mischief} | (env or {}) | ({"PIDS": str(pids)} if pids else {})
    return {"command": [sys.executable, str(SERVER), "stdio"], "env": told, **more}


@contextmanager
def listening(port: int) -> Iterator[psutil.Process]:
    """A server over HTTP on a port of this machine, as somebody else would have started it."""
    with subprocess.Popen([sys.executable, str(SERVER), "http", str(port)]) as process:
        try:
            yield psutil.Process(process.pid)
        finally:
            process.kill()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@asynccontextmanager
async def offering(transport: str, **more: Any) -> AsyncIterator[PluginRegistry]:
    """The plugin with the server `own` over a transport, once that is up."""
    if transport == "stdio":
        async with serving(own=stdio(**more)) as registry:
            await up(registry, "own")
            yield registry
    else:
        port = free_port()
        with listening(port):
            async with serving(own={"url": f"http://127.0.0.1:{port}/mcp", **more}) as registry:
                await up(registry, "own")
                yield registry


def serving(**servers: Any) -> AbstractAsyncContextManager[PluginRegistry]:
    return opened("mcp_tools", settings={"servers": servers})


async def names(registry: PluginRegistry) -> Sequence[str]:
    return [tool.name for tool in await registry.tools()]


async def up(registry: PluginRegistry, server: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while f"mcp.{server}.*" in registry.withheld():  # noqa: ASYNC110  # the plugin tells nobody, it is asked
            await asyncio.sleep(0.02)


async def down(registry: PluginRegistry, server: str, because: str = "") -> str:
    """Wait until a server is down for a reason, and give the reason in full."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while because not in (why := registry.withheld().get(f"mcp.{server}.*", "")) or not why:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return why


async def offers(registry: PluginRegistry, tool: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while tool not in await names(registry):  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.02)


async def written(pids: Path, count: int) -> list[int]:
    """Wait until a server has written so many process ids."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(told := _read(pids)) < count:  # noqa: ASYNC110  # the event would have to come from another process
            await asyncio.sleep(0.02)
    return told


def _read(pids: Path) -> list[int]:
    return [int(pid) for pid in pids.read_text().split()] if pids.exists() else []


def still_running(pids: Sequence[int]) -> list[int]:
    """Give those that have not ended; of ended ones whom nobody has asked about, the system keeps a trace."""
    running = []
    for pid in pids:
        try:
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                running.append(pid)
        except psutil.NoSuchProcess:
            continue
    return running
