"""Every key of the configuration that is in force, with its value, its place and its default; secrets left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mdsa_server.configuration.lines import KeyPath
from mdsa_server.configuration.load import BUILT_IN, Loaded
from mdsa_server.configuration.places import Places, dotted
from mdsa_server.configuration.taking_up import needs_restart
from mdsa_server.setting_values import FileOfExamples
from mdsa_server.settings import DomainSettings, Settings
from mdsa_server.vocabulary.hidden_values import shown, shown_text
from mdsa_server.vocabulary.settings_in_force import Setting, SettingsInForce, SettingTable

# What a domain must say, so that the rest can be asked for its defaults.
ANY_DESCRIPTION = "x"


def settings_in_force(started: Loaded, latest: Loaded) -> SettingsInForce:
    """Lay what a reload takes up of the `latest` configuration over the one that the server was `started` with."""
    folder = latest.path.parent if latest.path else Path.cwd()
    return SettingsInForce(
        file=str(latest.path) if latest.path else None, tables=tuple(_tables(started, latest, folder))
    )


def _tables(started: Loaded, latest: Loaded, folder: Path) -> Iterator[SettingTable]:
    for name, field in Settings.model_fields.items():
        old, new = getattr(started.settings, name), getattr(latest.settings, name)
        if name == "domains":
            for domain, table in new.items():
                path = (name, domain)
                least = DomainSettings.model_validate({"description": ANY_DESCRIPTION}, context={"folder": folder})
                yield _table(path, table.description, table, table, least, (latest, latest))
        elif name == "plugins":
            for plugin, table in old.items():
                yield _of_plugin((name, plugin), table, new.get(plugin, {}), started.places)
        else:
            kind = type(old)
            least = kind.model_validate({}, context={"folder": folder})
            yield _table((name,), kind.__doc__ or field.description or "", old, new, least, (started, latest))


def _table(
    path: KeyPath, description: str, old: BaseModel, new: BaseModel, least: BaseModel, read: tuple[Loaded, Loaded]
) -> SettingTable:
    rows = []
    for name, field in type(new).model_fields.items():
        waiting = needs_restart((*path, name))
        value = getattr(old if waiting else new, name)
        source = _source((*path, name), read[0 if waiting else 1].places)
        rows.append(
            Setting(
                key=dotted((*path, name)),
                name=name,
                value=_ours(value),
                default=None if field.is_required() else _ours(getattr(least, name)),
                source=source,
                description=_sentence(field),
                is_set=source != BUILT_IN,
                is_changed=field.is_required() or value != getattr(least, name),
                needs_restart=waiting,
                waits=waiting and value != getattr(new, name),
            )
        )
    return SettingTable(name=dotted(path), description=description, settings=tuple(rows))


def _of_plugin(path: KeyPath, table: Mapping[str, Any], latest: Mapping[str, Any], places: Places) -> SettingTable:
    """Show what was written for a plugin: what else there is, and what it means, is the plugin's to say."""
    rows = tuple(
        Setting(
            key=dotted((*path, name)),
            name=name,
            value=shown(value, name),
            default=None,
            source=_source((*path, name), places),
            description="",
            is_set=True,
            is_changed=True,
            needs_restart=True,
            waits=latest.get(name) != value,
        )
        for name, value in table.items()
    )
    return SettingTable(name=dotted(path), description="What was written for this plugin.", settings=rows)


def _source(path: KeyPath, places: Places) -> str:
    """Name where a key was written; where parts of its value stand elsewhere, all those places."""
    named = {str(place): None for key, place in places.written.items() if key == path}
    if not named:
        named = {str(place): None for key, place in places.written.items() if key[: len(path)] == path}
    return ", ".join(named) or BUILT_IN


def _ours(value: Any) -> Any:
    """Give a value as plain data. Names of our own keys tell of no secret, but an address may hold a password."""
    if isinstance(value, FileOfExamples):
        return str(value.path)
    if isinstance(value, Path):
        return shown_text(str(value))
    if isinstance(value, str):
        return shown_text(value)
    if isinstance(value, Mapping):
        return {str(name): _ours(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_ours(inner) for inner in value]
    return value


def _sentence(field: FieldInfo) -> str:
    return field.description or ""
