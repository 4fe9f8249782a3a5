"""JSON that a model or a tool wrote: read if it can be, whatever it is."""

from __future__ import annotations

from typing import Any

import msgspec


def object_in(text: str) -> dict[str, Any] | None:
    """Give the object that a text is; None where it is none, or cannot be kept as text again."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
