"""Whether the plugins offer what the configuration names."""

from mdsa_server.configuration import checks
from mdsa_server.configuration.load import Loaded, invalid
from mdsa_server.plugin_host.registry import PluginRegistry
from mdsa_server.vocabulary.fault import Fault


async def missing_offers(loaded: Loaded, registry: PluginRegistry) -> tuple[list[Fault], list[Fault]]:
    """Find the tools and routers that are named and not offered, as (faults, warnings).

    They are warnings where a plugin is in quarantine, since it may be the one that offers them.
    """
    settings, places = loaded.settings, loaded.places
    missing = checks.unoffered_tools(settings, [tool.name for tool in await registry.tools()], places)
    missing += checks.unoffered_routers(settings, [router.name for router in registry.routers], places)
    quarantined = any(plugin.state == "quarantined" for plugin in registry.status())
    return ([], missing) if quarantined else (missing, [])


async def require_offers(loaded: Loaded, registry: PluginRegistry) -> list[Fault]:
    """Give the warnings. Raises ConfigurationInvalid where something is named that nothing offers."""
    faults, warnings = await missing_offers(loaded, registry)
    if faults:
        raise invalid(faults)
    plugins = [plugin.name for plugin in registry.status()]
    return warnings + checks.names_of_no_plugin(loaded.settings, plugins, loaded.places)
