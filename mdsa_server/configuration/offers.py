"""Whether what the configuration says of plugins fits them: tools and routers that are named, and their settings."""

from collections.abc import Sequence
from typing import Any, NoReturn

from mdsa_server.configuration import checks, tool_checks
from mdsa_server.configuration.load import Loaded, Reading, invalid
from mdsa_server.configuration.opening import opened_plugins
from mdsa_server.errors import ConfigurationInvalid, EmbedderUnavailable, NoEngine
from mdsa_server.plugin_api.contracts import Services
from mdsa_server.plugin_host.registry import PluginRegistry
from mdsa_server.vocabulary.conversation import Message
from mdsa_server.vocabulary.fault import Fault
from mdsa_server.vocabulary.toml_text import toml


async def misfits(loaded: Loaded, registry: PluginRegistry) -> tuple[list[Fault], list[Fault]]:
    """Find what is said of plugins and does not fit them, as (faults, warnings).

    What nothing offers is a warning where a plugin is held back, in quarantine or disabled for now, since that may be
    the one, or where its plugin says that what does its work is down.
    """
    settings, places = loaded.settings, loaded.places
    plugins = registry.status()
    held_back = [plugin.name for plugin in plugins if plugin.held_back]
    tools = [tool.name for tool in await registry.tools()]
    withheld = registry.withheld()
    missing = tool_checks.unoffered_tools(settings, tools, held_back, places, withheld)
    missing += checks.unoffered_routers(settings, [router.name for router in registry.routers], held_back, places)
    rerankers = [reranker.name for reranker in registry.rerankers]
    missing += checks.unoffered_reranker(settings, rerankers, held_back, places)
    faults = [places.fault(unfit.path, unfit.what, unfit.mend) for unfit in registry.unfit_settings]
    warnings = tool_checks.withheld_tools(settings, tools, withheld, places)
    warnings += tool_checks.idle_approvals(settings, tools, held_back, places, withheld)
    warnings += tool_checks.denied_tools(settings, tools, places)
    warnings += checks.names_of_no_plugin(settings, [plugin.name for plugin in plugins], places)
    return (faults, missing + warnings) if held_back else (faults + missing, warnings)


async def require_fit(reading: Reading, registry: PluginRegistry) -> tuple[Loaded, list[Fault]]:
    """Give what was read, and the warnings. Raises ConfigurationInvalid with its faults and those that plugins show."""
    faults, warnings = await misfits(reading.loaded, registry) if reading.loaded else ([], [])
    if reading.faults or faults or reading.loaded is None:
        raise invalid([*reading.faults, *faults])
    return reading.loaded, warnings


def no_key_for_others(loaded: Loaded) -> ConfigurationInvalid:
    """Make the error of a server that other machines could reach, and that nobody has an access key for."""
    host = loaded.settings.server.host
    return invalid(
        [
            loaded.places.fault(
                ("server", "host"),
                f"{toml(host)} lets other machines in, and there is no access key",
                "Make one: mdsa keys create NAME --scope chat --scope admin. Or listen on 127.0.0.1.",
            )
        ]
    )


async def faults_of_plugins(reading: Reading) -> list[Fault]:
    """Open the plugins as far as the reading goes, only to find what does not fit them.

    Where it is faulty which plugins there are, what they lack would be no fault of its own.
    """
    if reading.loaded is None or any(fault.key.startswith(("plugin_host", "plugins")) for fault in reading.faults):
        return []
    async with opened_plugins(reading.loaded.settings, NO_SERVICES, routers=()) as registry:
        return (await misfits(reading.loaded, registry))[0]


async def do_not_embed(texts: Sequence[str], *, cached: bool = False) -> NoReturn:
    """Stand where plugins find the embedder while they are only looked at."""
    raise EmbedderUnavailable("Nothing is embedded while the configuration is checked.")


async def do_not_ask(messages: Sequence[Message], **_: Any) -> NoReturn:
    """Stand where plugins find the engine's models while they are only looked at."""
    raise NoEngine("No model is asked while the configuration is checked.")


async def do_not_search(message: str, **_: Any) -> NoReturn:
    """Stand where plugins find the documents while they are only looked at."""
    raise EmbedderUnavailable("Nothing is searched while the configuration is checked.")


class NoCache:
    """Stand where plugins find their cache while nothing is to be written."""

    def __init__(self, plugin: str) -> None:
        """Of any plugin."""

    async def get(self, key: str) -> None:
        """There is nothing."""

    async def put(self, key: str, value: bytes) -> None:
        """Nothing is kept."""


NO_SERVICES = Services(do_not_embed, do_not_ask, do_not_search, NoCache)
