"""A server whose models call tools, and models that call them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mdsa_server.embedded_ollama.request_body import RequestBody
from mdsa_server.settings import Settings
from tests.fakes.script import Calls, Step
from tests.serving import make_settings

PLUGIN = '''\
"""Tools for tests: one that reads, one with effects, one that waits for a file, and those that go wrong."""

import asyncio
import pathlib

from mdsa_server.plugin_api import Tool, ToolRefused, hookimpl


@hookimpl
def register_tools(context):
    return [Tool(time_in), Tool(send, effects=True), Tool(wait_for), Tool(recite), Tool(refuse), Tool(stumble)]


def time_in(city: str) -> str:
    """Tell the time in a city."""
    return f"07:12 in {city}"


def send(to: str, text: str = "") -> str:
    """Send a letter to somebody."""
    return f"sent to {to}"


async def wait_for(path: str) -> str:
    """Wait until a file is there."""
    while not pathlib.Path(path).exists():
        await asyncio.sleep(0.02)
    return "it is there"


def recite(lines: int) -> str:
    """Recite a poem."""
    return "\\n".join(f"<b>line {number}</b> {'of a long poem ' * 12}" for number in range(lines))


def refuse() -> str:
    """Do nothing, and say so."""
    raise ToolRefused("the shop is closed", "Ask tomorrow")


def stumble() -> str:
    """Do it wrong."""
    raise RuntimeError("fell over")
'''
TOOLS = ["time_in", "send", "wait_for", "recite", "refuse", "stumble"]


def calling_tables(folder: Path, **tools: Any) -> dict[str, dict[str, Any]]:
    """Tables of a configuration whose domain `general` has all these tools; `tools` is its `[tools]`."""
    (folder / "plugins").mkdir(exist_ok=True)
    (folder / "plugins" / "test_tools.py").write_text(PLUGIN, "utf-8")
    return {
        "plugin_host": {"directories": [str(folder / "plugins")], "disabled": ["embedding_router"]},
        # There is no such model: tools are then offered unsorted, and PyTorch is not waited for.
        "embedding": {"model": "absent/none"},
        "domains": {"general": {"description": "Everything else", "tools": TOOLS}},
        "tools": tools,
    }


def calling_settings(folder: Path, *, engine: str, **tools: Any) -> Settings:
    return make_settings(folder, engine=engine, **calling_tables(folder, **tools))


def calls(*wanted: Calls, before: str = "", then: Sequence[Step] = ("It is 07:12.",)) -> Callable[..., Sequence[Step]]:
    """Have a model ask for calls, saying something before, and answer once it has been told what came of them."""

    def says(asked: RequestBody) -> Sequence[Step]:
        told = any(message["role"] == "tool" for message in asked.messages)
        return then if told else (*filter(None, [before]), *wanted)

    return says


SEND = Calls("send", {"to": "Ann", "text": "Dear Ann,\nall is well."})
TIME = Calls("time_in", {"city": "Lisbon"})
