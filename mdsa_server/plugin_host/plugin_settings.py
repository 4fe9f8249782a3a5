"""Fills a plugin's settings from its `[plugins.NAME]` table, and names the key where that fails."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import msgspec

from mdsa_server.plugin_host.member import HookFailed

HOOK = "plugin_settings"


def fill_settings(name: str, struct: object, table: Mapping[str, Any]) -> msgspec.Struct | None:
    """Give the plugin's struct with the values of its table, or None where it names no struct.

    Raises HookFailed with the dotted key: `plugins.clock.zone: Expected str, got int`.
    """
    if struct is None:
        if table:
            raise HookFailed(HOOK, f"plugins.{name}: this plugin takes no settings")
        return None
    if not (isinstance(struct, type) and issubclass(struct, msgspec.Struct)):
        raise HookFailed(HOOK, f"gave {struct!r}; it gives a subclass of msgspec.Struct")
    known = [field.encode_name for field in msgspec.structs.fields(struct)]
    # Structs pass over unknown keys unless told otherwise, and then a typing error would go unnoticed.
    for key in table:
        if key not in known:
            close = get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(known) or 'none'}"
            raise HookFailed(HOOK, f"plugins.{name}.{key}: there is no such setting; {hint}")
    try:
        return msgspec.convert(dict(table), struct)
    except msgspec.ValidationError as error:
        raise HookFailed(HOOK, _with_key(name, str(error))) from error


def _with_key(name: str, text: str) -> str:
    """Put the key first: "Expected `int`, got `str` - at `$.a[0]`" becomes "plugins.NAME.a[0]: Expected ..."."""
    located = re.fullmatch(r"(?P<what>.*) - at `(?:key in )?\$(?P<path>[^`]*)`", text, re.DOTALL)
    if located is None:
        return f"plugins.{name}: {text}"
    return f"plugins.{name}{located['path']}: {located['what']}"
