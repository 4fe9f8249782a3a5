"""Which keys a running server takes up when it reads the configuration again, and which wait for its next start."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from mdsa_server.configuration.lines import KeyPath
from mdsa_server.configuration.places import dotted
from mdsa_server.settings import Settings

TAKEN_UP = (
    "domains",
    "tools",
    *(f"routing.{key}" for key in ("routers", "fallback", "target_precision", "min_confidence", "on_tie", "timeout")),
)
"""What a running server takes up; all else needs a restart."""


def needs_restart(path: KeyPath) -> bool:
    """Whether a change of a key waits for the next start."""
    return not dotted(path).startswith(TAKEN_UP)


def changed_beyond_reload(before: Settings, after: Settings) -> Iterator[str]:
    """Give the keys, dotted, that differ and that a running server does not take up."""
    for table in Settings.model_fields:
        old, new = _rows(getattr(before, table)), _rows(getattr(after, table))
        for key in sorted(old.keys() | new.keys()):
            if needs_restart((table, key)) and old.get(key) != new.get(key):
                yield dotted((table, key))


def _rows(table: Any) -> dict[str, Any]:
    return dict(table) if isinstance(table, BaseModel | dict) else {"": table}
