"""The page of tools: which are on offer, and a form for each to try it by hand."""

import asyncio
import json
import shlex
from itertools import groupby
from typing import Annotated, Any

from litestar import Controller, MediaType, Request, Response, get, post
from litestar.params import QueryParameter
from litestar.response import Template
from msgspec import Struct

from mdsa_server.vocabulary.tools import ToolDescription, named
from mdsa_server.web.auth import ByCaller
from mdsa_server.web.pages.surroundings import surroundings
from mdsa_server.web.rendering import render
from mdsa_server.web.rooms import InRooms, Rooms
from mdsa_server.web.tool_arguments import arguments_of
from mdsa_server.web.tool_form import ToolField, fields_of
from mdsa_server.web.tools import TriedTool, described, find_tool, held_back, tools_on_offer, try_tool, unknown_tool

AnyRequest = Request[Any, Any, Any]


class ToolView(Struct, frozen=True, kw_only=True):
    """A tool as it is shown, and what came of trying it."""

    tool: ToolDescription
    fields: tuple[ToolField, ...]
    domains: tuple[str, ...]
    """The domains that offer it to their models."""
    schema: str
    written: dict[str, str]
    """What stands in the form's fields, by their keys."""
    domain: str
    faults: dict[str, str] = {}
    """What is wrong with it, likewise."""
    tried: TriedTool | None = None
    result: str = ""
    """What came of it, laid out to be read."""
    command: str = ""
    """The same call in the terminal."""
    open: bool = False


class ToolPages(Controller):
    """The page of tools, and what its forms ask for."""

    path = "/tools"
    opt = {"scope": "monitor"}  # noqa: RUF012  # Litestar reads it so
    include_in_schema = False

    @get("/")
    async def page(
        self, rooms: InRooms, request: AnyRequest, opened: Annotated[str, QueryParameter(name="tool")] = ""
    ) -> Response[str]:
        """Show the tools, the one that is named unfolded."""
        return await _page(rooms, request, opened)

    @post("/call", operation_id="CallTool", opt={"scope": "admin"}, status_code=200)
    async def call(self, rooms: InRooms, caller: ByCaller, request: AnyRequest) -> Template | Response[str]:
        """Call a tool with what is written in its form, and show it there; a plain form is shown the whole page."""
        written = {key: value for key, value in (await request.form()).items() if isinstance(value, str)}
        place = written.pop("place", "")
        tool = await find_tool(rooms, written.pop("tool", ""))
        domain = written.pop("domain", "") or rooms.live_turns.desk.team.fallback
        fields = fields_of(tool.parameters)
        arguments, faults = arguments_of(fields, written)
        tried = None
        if not faults:
            tried = await try_tool(rooms, tool, arguments, domain=domain, caller=caller.owner)
        view = _view(
            rooms,
            described(rooms, tool),
            written=written,
            domain=domain,
            faults=faults,
            tried=tried,
            result=_read(tried.result) if tried else "",
            command=_command(rooms, tool.name, arguments, domain),
            open=True,
        )
        status = 422 if faults else 200
        if request.headers.get("hx-request"):
            context = {"view": view, "place": place, "all_domains": list(rooms.live_turns.desk.team.domains)}
            return Template("fragments/tool_form.html", context=context, status_code=status)
        return await _page(rooms, request, tool.name, view, status)


async def _page(
    rooms: Rooms, request: AnyRequest, opened: str, tried: ToolView | None = None, status: int = 200
) -> Response[str]:
    """Show all tools by plugin; in place of one of them `tried`, what came of trying it."""
    tools = await tools_on_offer(rooms)
    names = [tool.name for tool in tools]
    views = [
        tried if tried and tried.tool.name == tool.name else _view(rooms, tool, open=tool.name == opened)
        for tool in tools
    ]
    views.sort(key=lambda view: view.tool.plugin)
    context = surroundings(rooms, "tools") | {
        "plugins": [(plugin, list(group)) for plugin, group in groupby(views, lambda view: view.tool.plugin)],
        "all_domains": list(rooms.live_turns.desk.team.domains),
        "missing": unknown_tool(rooms, opened, names) if opened and opened not in names else None,
        "withheld": rooms.registry.withheld(),
        "held_back": held_back(rooms),
    }
    # In a thread: the forms of hundreds of tools would keep the loop from everyone else.
    page = await asyncio.to_thread(render, request, "pages/tools.html", **context)
    return Response(page, media_type=MediaType.HTML, status_code=status)


def _view(rooms: Rooms, tool: ToolDescription, **more: Any) -> ToolView:
    """Show a tool with its form as it is at first, or with what `more` says of it."""
    team = rooms.live_turns.desk.team
    fields = fields_of(tool.parameters)
    at_first = {"written": {field.key: field.start for field in fields if field.start}, "domain": team.fallback}
    return ToolView(
        tool=tool,
        fields=fields,
        domains=tuple(domain.name for domain in team.domains.values() if named(tool.name, domain.tools)),
        schema=_laid_out(tool.parameters),
        **(at_first | more),
    )


def _read(result: str) -> str:
    """Lay JSON out in lines, if that changes nothing but its blanks."""
    if not result.startswith(("{", "[")):
        return result
    try:
        value = json.loads(result)
    except (ValueError, RecursionError):
        return result
    same = json.dumps(value, ensure_ascii=False, separators=(",", ":")) == result
    return _laid_out(value) if same else result


def _laid_out(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _command(rooms: Rooms, tool: str, arguments: dict[str, Any], domain: str) -> str:
    words = ["mdsa", "tools", "call", tool]
    if arguments:
        words.append(json.dumps(arguments, ensure_ascii=False))
    if domain != rooms.live_turns.desk.team.fallback:
        words += ["--domain", domain]
    return shlex.join(words)
