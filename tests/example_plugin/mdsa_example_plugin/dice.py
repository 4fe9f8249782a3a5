"""Throw dice."""

import random
from typing import Annotated

from msgspec import Meta

from mdsa_server.plugin_api import Tool, hookimpl


def throw_dice(count: Annotated[int, Meta(ge=1, le=100, description="How many dice")] = 1) -> list[int]:
    """Throw dice and give what each shows."""
    return [random.randint(1, 6) for _ in range(count)]


@hookimpl
def register_tools(context):
    return [Tool(throw_dice)]
