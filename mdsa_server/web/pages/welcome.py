"""The first page: what runs, what is missing, and what to try."""

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Template

from mdsa_server.web.pages.surroundings import surroundings
from mdsa_server.web.rooms import Rooms


@get("/", opt={"scope": "chat"}, include_in_schema=False)
async def welcome(rooms: NamedDependency[Rooms]) -> Template:
    """Show the engine, the domains and the plugins."""
    team = rooms.live_turns.desk.team
    context = {
        "domains": list(team.domains.values()),
        "fallback": team.fallback,
        "plugins": rooms.registry.status(),
    }
    return Template("pages/welcome.html", context=surroundings(rooms, "welcome") | context)
