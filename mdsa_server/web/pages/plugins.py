"""The page of plugins: what was found, what went wrong with it, and buttons that put one out of use and back."""

from collections import Counter
from typing import Annotated, Any
from urllib.parse import quote

from litestar import Controller, Request, get, post
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect, Template

from mdsa_server.vocabulary.plugins import PluginStatus
from mdsa_server.web.auth import ByCaller, Caller
from mdsa_server.web.pages.surroundings import surroundings
from mdsa_server.web.plugins import lines_that_keep, plugins_seen_by, switch
from mdsa_server.web.rooms import InRooms, Rooms

AnyRequest = Request[Any, Any, Any]

FIRST = {"quarantined": 0, "active": 1, "disabled": 2}
"""What needs looking at stands first."""


class PluginPages(Controller):
    """The page of plugins, and what its buttons ask for."""

    path = "/plugins"
    opt = {"scope": "monitor"}  # noqa: RUF012  # Litestar reads it so
    include_in_schema = False

    @get("/")
    async def page(
        self, rooms: InRooms, caller: ByCaller, opened: Annotated[str, QueryParameter(name="plugin")] = ""
    ) -> Template:
        """Show all plugins, the one that is named unfolded."""
        return Template("pages/plugins.html", context=_context(rooms, caller, opened))

    @post("/{name:str}/disable", operation_id="DisablePlugin", opt={"scope": "admin"}, status_code=200)
    async def disable(
        self, name: FromPath[str], rooms: InRooms, caller: ByCaller, request: AnyRequest
    ) -> Template | Redirect:
        """Put a plugin out of use and show the list; a plain form is led back to the page."""
        return await _switched(rooms, caller, request, name, on=False)

    @post("/{name:str}/enable", operation_id="EnablePlugin", opt={"scope": "admin"}, status_code=200)
    async def enable(
        self, name: FromPath[str], rooms: InRooms, caller: ByCaller, request: AnyRequest
    ) -> Template | Redirect:
        """Use a plugin again, likewise."""
        return await _switched(rooms, caller, request, name, on=True)


async def _switched(rooms: Rooms, caller: Caller, request: AnyRequest, name: str, *, on: bool) -> Template | Redirect:
    await switch(rooms, name, on=on)
    if not request.headers.get("hx-request"):
        return Redirect(f"/plugins?plugin={quote(name, safe='')}", status_code=303)
    return Template("fragments/plugins.html", context=_context(rooms, caller, name, name))


def _context(rooms: Rooms, caller: Caller, opened: str = "", switched: str = "") -> dict[str, Any]:
    plugins = plugins_seen_by(caller, rooms)
    return surroundings(rooms, "plugins") | {
        "rows": _with_ids(sorted(plugins, key=lambda plugin: FIRST[plugin.state])),
        "counts": {state: sum(plugin.state == state for plugin in plugins) for state in FIRST},
        "is_admin": "admin" in caller.scopes,
        "opened": _id(opened),
        "switched": next((plugin for plugin in plugins if plugin.name == switched), None),
        "lines": lines_that_keep(plugins) if any(plugin.until_restart for plugin in plugins) else "",
    }


def _id(name: str) -> str:
    return f"plugin-{name}"


def _with_ids(plugins: list[PluginStatus]) -> list[tuple[str, PluginStatus]]:
    """Give each its id in the page; two may have one name, and then the first is in use."""
    seen: Counter[str] = Counter()
    rows = []
    for plugin in plugins:
        seen[plugin.name] += 1
        rows.append((_id(plugin.name) + f"-{seen[plugin.name]}" * (seen[plugin.name] > 1), plugin))
    return rows
