"""Fills a plugin's settings from its `[plugins.NAME]` table, and names the key where that fails."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from difflib import get_close_matches
from typing import Any, NamedTuple

import msgspec

from mdsa_server.plugin_host.member import HookFailed

HOOK = "plugin_settings"
# What stands for a key of a dict where msgspec says where something is wrong.
SOME_KEY = "..."
LEFT_OUT = "Mend it, or leave the plugin out: [plugin_host] disabled."


class UnfitSetting(NamedTuple):
    """A setting that somebody wrote and the plugin cannot use."""

    path: tuple[str, ...]
    """Its key: `("plugins", "weather", "places", "0", "city")`."""
    what: str
    mend: str


class SettingRefused(HookFailed):
    """A plugin was given a setting that it cannot use: its owner's fault, not its own."""

    def __init__(self, unfit: UnfitSetting) -> None:
        super().__init__(HOOK, f"{'.'.join(unfit.path)}: {unfit.what}")
        self.unfit = unfit


def fill_settings(name: str, struct: object, table: Mapping[str, Any]) -> msgspec.Struct | None:
    """Give the plugin's struct with the values of its table, or None where it names no struct.

    Raises SettingRefused where the table holds what does not fit, HookFailed where nobody wrote one that is needed.
    """
    path = "plugins", name
    if struct is None:
        if table:
            raise SettingRefused(UnfitSetting(path, "this plugin takes no settings", "Take the table out."))
        return None
    if not (isinstance(struct, type) and issubclass(struct, msgspec.Struct)):
        raise HookFailed(HOOK, f"gave {struct!r}; it gives a subclass of msgspec.Struct")
    known = [field.encode_name for field in msgspec.structs.fields(struct)]
    # Structs pass over unknown keys unless told otherwise, and then a typing error would go unnoticed.
    for key in table:
        if key not in known:
            close = get_close_matches(key, known, n=1)
            mend = f"Did you mean {close[0]}?" if close else f"There are: {', '.join(known) or 'none'}."
            raise SettingRefused(UnfitSetting((*path, key), "there is no such setting", mend))
    try:
        return msgspec.convert(dict(table), struct)
    except msgspec.ValidationError as error:
        inner, what = _located(str(error))
        inner = _with_keys(inner, table, struct)
        unfit = UnfitSetting((*path, *inner), what, LEFT_OUT)
        if table:
            raise SettingRefused(unfit) from error
        raise HookFailed(HOOK, f"[plugins.{name}] {what}") from error


def _located(text: str) -> tuple[list[str], str]:
    """Take "Expected `int`, got `str` - at `$.a[0]`" apart, into the path a, 0 and what is wrong there."""
    located = re.fullmatch(r"(?P<what>.*) - at (?P<key>`key` in )?`\$(?P<path>[^`]*)`", text, re.DOTALL)
    what, path = (located["what"], located["path"]) if located else (text, "")
    what = what.replace("`", '"')
    inner = re.findall(r"\.\.\.|[^.\[\]]+", path)
    if located and located["key"]:
        inner.append(SOME_KEY)
    return inner, what[:1].lower() + what[1:]


def _with_keys(path: Sequence[str], table: Mapping[str, Any], struct: type[msgspec.Struct]) -> list[str]:
    """Give the keys for which the path has `[...]`: those that do not fit either when they are alone."""
    known: list[str] = []
    for step in path:
        if step != SOME_KEY:
            known.append(step)
        elif (key := _unfit_key(known, table, struct)) is None:
            return known
        else:
            known.append(key)
    return known


def _unfit_key(path: Sequence[str], table: Mapping[str, Any], struct: type[msgspec.Struct]) -> str | None:
    alone: dict[str, Any] = deepcopy(dict(table))
    around: Any = alone
    for step in path:
        around = around.get(step) if isinstance(around, dict) else None
    if not isinstance(around, dict):
        return None
    for key, value in list(around.items()):
        around.clear()
        around[key] = value
        try:
            msgspec.convert(alone, struct)
        except msgspec.ValidationError:
            return str(key)
    return None
