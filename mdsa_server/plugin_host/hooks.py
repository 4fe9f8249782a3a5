"""Calls the hooks of one plugin at a time, so that whatever goes wrong has a name."""

from __future__ import annotations

import inspect
import re
from difflib import get_close_matches
from typing import Any

from pluggy import PluginManager, PluginValidationError

from mdsa_server.plugin_api import hookspecs
from mdsa_server.plugin_host.member import HookFailed, blamed_on


class Hooks:
    """The hooks of all plugins that have registered."""

    def __init__(self) -> None:
        self._manager = PluginManager("mdsa_server")
        self._manager.add_hookspecs(hookspecs)

    def register(self, name: str, plugin: object) -> None:
        """Take in a plugin's hooks. Raises HookFailed where one is misspelt or asks for unknown parameters."""
        try:
            with blamed_on("@hookimpl"):
                hash(plugin)  # Pluggy keeps plugins in sets; one that cannot be in them would spoil the calls of all.
                self._manager.register(plugin, name)
            self._check_names(plugin)
        except HookFailed as failed:
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            if isinstance(failed.__cause__, PluginValidationError):
                raise _in_our_words(failed.__cause__) from failed
            raise

    def call(self, name: str, hook: str, **arguments: object) -> list[Any]:
        """Call one hook of one plugin and give what it returned, if it has that hook. Raises HookFailed."""
        own = self._manager.get_plugin(name)
        others = [plugin for plugin in self._manager.get_plugins() if plugin is not own]
        with blamed_on(hook):
            results: list[Any] = self._manager.subset_hook_caller(hook, others)(**arguments)
        for result in results:
            if inspect.iscoroutine(result):
                result.close()
                raise HookFailed(hook, "is async; a hook is a plain function, and what it hands over is async")
        return results

    def _check_names(self, plugin: object) -> None:
        callers = self._manager.get_hookcallers(plugin)
        if not callers:
            raise HookFailed(
                "@hookimpl", "marks no function, so this is no plugin; a file that only helps others begins with _"
            )
        known = [name for name in vars(hookspecs) if hasattr(vars(hookspecs)[name], "mdsa_server_spec")]
        for caller in callers:
            if not caller.has_spec():
                close = get_close_matches(caller.name, known, n=1)
                hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
                raise HookFailed(caller.name, f"there is no such hook; {hint}")


def _in_our_words(error: PluginValidationError) -> HookFailed:
    """Pluggy's message names the hook in its first line and the trouble in its last."""
    lines = str(error).splitlines()
    hook = re.search(r"hook '(\w+)'", str(error))
    return HookFailed(hook[1] if hook else "@hookimpl", lines[-1])
