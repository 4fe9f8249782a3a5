"""The configuration as it is shown: every key with its value, and where that comes from; no secrets."""

from typing import Any

from msgspec import Struct


class Setting(Struct, frozen=True, kw_only=True):
    """One key as it is in force."""

    key: str
    """Dotted, as `server.port`."""
    name: str
    """Its last part."""
    value: Any
    """As JSON has it; null where nothing is set."""
    default: Any
    """What it is where nobody writes it; null where there is none."""
    source: str
    """`mdsa.toml:12`, `MDSA_SERVER__PORT`, `command line` or `default`."""
    description: str
    is_set: bool
    """Whether anybody wrote it, be it with its default."""
    is_changed: bool
    """Whether it is another than its default."""
    needs_restart: bool
    """Whether a change is taken up only when the server starts again, and not by a reload."""
    waits: bool = False
    """Whether it has another value in what was last read, which waits for that."""


class SettingTable(Struct, frozen=True, kw_only=True):
    """One table of `mdsa.toml`."""

    name: str
    """`server`, `plugins.clock`, `domains.code`."""
    description: str
    settings: tuple[Setting, ...]


class SettingsInForce(Struct, frozen=True, kw_only=True):
    """All of it, in the order of the file."""

    file: str | None
    """The file that was read; null where the built-in configuration is in force."""
    tables: tuple[SettingTable, ...]
