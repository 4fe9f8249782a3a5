"""Tools under /api/tools: which are on offer, and trying one by hand."""

from typing import Annotated, Any

from litestar import Controller, get, post
from litestar.params import FromPath
from msgspec import Struct

from mdsa_server.errors import (
    ArgumentsUnfit,
    MdsaError,
    PluginFault,
    ToolDenied,
    ToolRefused,
    UnknownDomain,
    UnknownTool,
)
from mdsa_server.plugin_api.tool_schema import Tool
from mdsa_server.vocabulary.tools import ToolDescription, ToolOutcome
from mdsa_server.web.api.operations import TOO_LARGE, fails, like
from mdsa_server.web.auth import ByCaller
from mdsa_server.web.bodies import BodyReader
from mdsa_server.web.rooms import InRooms
from mdsa_server.web.tool_parameters import what_it_takes
from mdsa_server.web.tools import TriedTool, described, find_tool, tools_on_offer, try_tool

PROBLEMS: dict[ToolOutcome, type[MdsaError]] = {
    "invalid": ArgumentsUnfit,
    "refused": ToolRefused,
    "failed": PluginFault,
}
"""What a call that gave no result is told as. Of a tool that is unknown or denied no call is made."""


class Arguments(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a tool is called with."""

    arguments: dict[str, Any] = {}
    domain: str | None = None
    """The domain for which it is called; null is the fallback."""


ArgumentsBody = Annotated[Arguments, like(arguments={"zone": "Tokyo"})]


class ToolController(Controller):
    """The tools that models may call."""

    path = "/api/tools"
    tags = ("tools",)
    opt = {"scope": "monitor"}  # noqa: RUF012  # Litestar reads it so
    request_class = BodyReader

    @get("/", operation_id="ListTools", responses=fails())
    async def list_tools(self, rooms: InRooms) -> list[ToolDescription]:
        """List the tools that plugins offer, by name, with their parameters and whether a call needs a yes."""
        return await tools_on_offer(rooms)

    @get("/{tool:str}", operation_id="ReadTool", responses=fails(UnknownTool))
    async def read_tool(self, tool: FromPath[str], rooms: InRooms) -> ToolDescription:
        """Describe one tool."""
        return described(rooms, await find_tool(rooms, tool))

    @post(
        "/{tool:str}/call",
        operation_id="CallTool",
        opt={"scope": "admin"},
        status_code=200,
        responses=fails(UnknownTool, UnknownDomain, ToolDenied, ArgumentsUnfit, ToolRefused, PluginFault, TOO_LARGE),
    )
    async def call_tool(self, tool: FromPath[str], data: ArgumentsBody, rooms: InRooms, caller: ByCaller) -> TriedTool:
        """Call a tool by hand, without a model. Where a call needs a yes, asking for it here is that yes."""
        found = await find_tool(rooms, tool)
        tried = await try_tool(rooms, found, data.arguments, domain=data.domain, caller=caller.owner)
        if tried.outcome in PROBLEMS:
            raise PROBLEMS[tried.outcome](tried.result, _mend(tried.outcome, found))
        return tried


def _mend(outcome: ToolOutcome, tool: Tool) -> str:
    if outcome == "invalid":
        return what_it_takes(tool.parameters)
    # What a tool refuses it mends in its own words.
    return "`mdsa plugins` tells more of it." if outcome == "failed" else ""
