"""Plugins as a caller may see them, and putting them out of use and back: what the API and the page have in common."""

from msgspec.structs import replace

from mdsa_server.vocabulary.plugins import PluginStatus
from mdsa_server.vocabulary.toml_text import toml
from mdsa_server.web.auth import Caller
from mdsa_server.web.rooms import Rooms


def plugins_seen_by(caller: Caller, rooms: Rooms) -> list[PluginStatus]:
    """List all plugins that were found."""
    return [as_seen_by(caller, plugin) for plugin in rooms.registry.status()]


def as_seen_by(caller: Caller, plugin: PluginStatus) -> PluginStatus:
    """Leave out what is for admins alone: tracebacks tell of the code, and settings of the machine."""
    if "admin" in caller.scopes:
        return plugin
    faults = tuple(replace(fault, traceback="") for fault in plugin.faults)
    return replace(plugin, faults=faults, settings=())


async def switch(rooms: Rooms, name: str, *, on: bool) -> PluginStatus:
    """Enable or disable a plugin until the server starts again. Raises UnknownPlugin or PluginNotLoaded."""
    return await rooms.teaching.enable(name) if on else rooms.registry.disable(name)


def lines_that_keep(plugins: list[PluginStatus]) -> str:
    """Write what `mdsa.toml` would have to say, for the plugins that are disabled now to stay so."""
    disabled = [plugin.name for plugin in plugins if plugin.state == "disabled"]
    return f"[plugin_host]\ndisabled = {toml(disabled)}"
