"""A plugin whose tools take all kinds of parameters and end in all kinds of ways, and settings that load it."""

from pathlib import Path
from typing import Any

from mdsa_server.settings import Settings
from tests.serving import make_settings

PLUGIN = '''
"""Tools to be tried."""

from datetime import date
from enum import Enum
from typing import Annotated

from msgspec import Meta, Struct

from mdsa_server.plugin_api import DescribedTool, Tool, ToolCall, ToolRefused, hookimpl


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Point(Struct, forbid_unknown_fields=True):
    x: int
    y: int = 0


def paint(
    title: Annotated[str, Meta(description="What stands on it")],
    day: date,
    color: Color,
    times: Annotated[int, Meta(ge=1, le=9)] = 2,
    scale: float = 1.5,
    glossy: bool = True,
    framed: bool | None = None,
    tags: list[str] = [],
    at: Point | None = None,
) -> dict[str, object]:
    """Paint a sign.

    It dries by itself.
    """
    return {
        "title": title, "day": day, "color": color, "times": times, "scale": scale,
        "glossy": glossy, "framed": framed, "tags": tags, "at": at,
    }


def whoami(call: ToolCall) -> str:
    """Tell who calls, and for which domain."""
    return f"{call.caller} for {call.domain.name}, conversation {call.conversation}"


def send(text: str) -> str:
    """Send a text to everyone."""
    return f"sent {text}"


def refuse() -> str:
    """Refuse."""
    raise ToolRefused("there is no such city", "Name a large one.")


def break_down() -> str:
    """Break down."""
    raise RuntimeError("broken")


def tell_all() -> str:
    """Tell more than is read."""
    return "x" * 20_000


async def read(arguments):
    return arguments


READ = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}


@hookimpl
def register_tools(context):
    described = DescribedTool("mcp.files.read", "Read a file.", READ, read, effects=False)
    erase = DescribedTool("mcp.files.erase", "Erase a file.", READ, read)
    return [Tool(paint), Tool(whoami), Tool(send, effects=True), Tool(refuse), Tool(break_down), Tool(tell_all),
            described, erase]
'''

APPROVAL = {"mcp.files.erase": "deny"}


def tool_settings(folder: Path, *, engine: str, **tables: dict[str, Any]) -> Settings:
    """Settings of a small server that has the plugin."""
    (folder / "plugins").mkdir(parents=True, exist_ok=True)
    (folder / "plugins" / "signs.py").write_text(PLUGIN, "utf-8")
    host = {"directories": [str(folder / "plugins")], "disabled": ["embedding_router"]}
    return make_settings(folder, engine=engine, plugin_host=host, tools={"approval": APPROVAL}, **tables)
