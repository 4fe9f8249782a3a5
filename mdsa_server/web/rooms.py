"""What handlers may use: given to each by its parameter `rooms`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from litestar.di import NamedDependency

from mdsa_server.chat.live_turns import LiveTurns
from mdsa_server.inference.engine import Engine
from mdsa_server.monitor.counters import Counters
from mdsa_server.plugin_host.registry import PluginRegistry
from mdsa_server.store.conversations import Conversations
from mdsa_server.store.turn_log import TurnLog


@dataclass(frozen=True, kw_only=True)
class Rooms:
    """The opened rooms of a running server."""

    live_turns: LiveTurns
    conversations: Conversations
    turn_log: TurnLog
    engine: Engine
    registry: PluginRegistry
    counters: Counters
    started: datetime
    reload: Callable[[], Awaitable[tuple[str, ...]]]
    """Read `mdsa.toml` again; gives the names of the domains. Raises ConfigurationInvalid, and then nothing changed."""


InRooms = NamedDependency[Rooms]
"""The type of a handler's parameter `rooms`."""
