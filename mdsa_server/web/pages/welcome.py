"""The first page: what runs, what is missing, and what to try."""

from typing import Any

from litestar import Request, get, post
from litestar.response import Template

from mdsa_server.web.pages.surroundings import surroundings
from mdsa_server.web.rooms import InRooms, Reloaded, Rooms


@get("/", opt={"scope": "chat"}, include_in_schema=False)
async def welcome(rooms: InRooms) -> Template:
    """Show the engine, the domains and the plugins."""
    return Template("pages/welcome.html", context=await _context(rooms))


@post("/reload", operation_id="Reload", opt={"scope": "admin"}, include_in_schema=False, status_code=200)
async def reload(rooms: InRooms, request: Request[Any, Any, Any]) -> Template:
    """Read the configuration again, and show the domains with what came of it; a plain form is shown the page."""
    reloaded = await rooms.reload()
    name = "fragments/domains.html" if request.headers.get("hx-request") else "pages/welcome.html"
    return Template(name, context=await _context(rooms, reloaded))


async def _context(rooms: Rooms, reloaded: Reloaded | None = None) -> dict[str, Any]:
    team = rooms.live_turns.desk.team
    plugins = rooms.registry.status()
    return surroundings(rooms, "welcome") | {
        "domains": list(team.domains.values()),
        "fallback": team.fallback,
        "plugins": plugins,
        "tools": sum(offer.kind == "tool" for plugin in plugins for offer in plugin.offers),
        "reloaded": reloaded,
        "to_review": await rooms.teaching.corrections.count("pending"),
    }
