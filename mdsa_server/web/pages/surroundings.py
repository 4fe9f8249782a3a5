"""What every page shows around its own content: where the reader is, what serves the models, what is not saved."""

from typing import Any, Literal

from mdsa_server.web.rooms import Rooms

Place = Literal[
    "welcome",
    "chat",
    "monitor",
    "turns",
    "domains",
    "documents",
    "tools",
    "plugins",
    "configuration",
    "audit",
    "schema",
    "review",
    "sign-in",
]
"""Where a reader is; those that every page leads to are named in `web/rendering.py`."""


def surroundings(rooms: Rooms, here: Place) -> dict[str, Any]:
    """Give the part of a page's context that `base.html` reads."""
    return {
        "here": here,
        "engine": rooms.engine.status,
        "default_model": rooms.engine.default_model_name,
        "trouble": rooms.database.trouble,
    }
