"""Plugins under /api/plugins: what was found, and putting one out of use and back."""

from litestar import Controller, get, post
from litestar.params import FromPath

from mdsa_server.errors import PluginNotLoaded, StoreUnusable, UnknownPlugin
from mdsa_server.vocabulary.plugins import PluginStatus
from mdsa_server.web.api.operations import fails
from mdsa_server.web.auth import ByCaller
from mdsa_server.web.bodies import BodyReader
from mdsa_server.web.plugins import as_seen_by, plugins_seen_by, switch
from mdsa_server.web.rooms import InRooms


class PluginController(Controller):
    """What was found, and whether it is used."""

    path = "/api/plugins"
    tags = ("server",)
    opt = {"scope": "admin"}  # noqa: RUF012  # Litestar reads it so
    request_class = BodyReader

    @get("/", operation_id="ListPlugins", opt={"scope": "monitor"}, responses=fails())
    async def plugins(self, rooms: InRooms, caller: ByCaller) -> list[PluginStatus]:
        """List the plugins, what each offers, and what went wrong with it.

        Tracebacks of its faults and its settings, secrets hidden, are told to callers with the scope admin alone.
        """
        return plugins_seen_by(caller, rooms)

    @post("/{name:str}/disable", operation_id="DisablePlugin", status_code=200, responses=fails(UnknownPlugin))
    async def disable(self, name: FromPath[str], rooms: InRooms, caller: ByCaller) -> PluginStatus:
        """Ask a plugin for nothing more, from the next turn on, until it is enabled or the server starts again."""
        return as_seen_by(caller, await switch(rooms, name, on=False))

    @post(
        "/{name:str}/enable",
        operation_id="EnablePlugin",
        status_code=200,
        responses=fails(UnknownPlugin, PluginNotLoaded, StoreUnusable),
    )
    async def enable(self, name: FromPath[str], rooms: InRooms, caller: ByCaller) -> PluginStatus:
        """Use a plugin again, one in quarantine too; answers once its routers have learnt the domains."""
        return as_seen_by(caller, await switch(rooms, name, on=True))
