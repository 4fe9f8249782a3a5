"""What handlers may use: given to each by its parameter `rooms`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from litestar.di import NamedDependency
from msgspec import Struct

from mdsa_server.chat.live_turns import LiveTurns, Spawn
from mdsa_server.chat.teaching import Teaching
from mdsa_server.inference.engine import Engine
from mdsa_server.inference.model_keeper import ModelKeeper
from mdsa_server.knowledge.ingestions import Ingestions
from mdsa_server.knowledge.library import Library
from mdsa_server.monitor.counters import Counters
from mdsa_server.plugin_host.registry import PluginRegistry
from mdsa_server.store.conversations import Conversations
from mdsa_server.store.turn_log import TurnLog
from mdsa_server.web.auth import Doorkeeper


class Reloaded(Struct, frozen=True, kw_only=True):
    """What came of reading the configuration again."""

    domains: tuple[str, ...]
    warnings: tuple[str, ...]
    """What was taken up, and may not work as it was meant."""
    needs_restart: tuple[str, ...]
    """Keys, dotted, that have changed and that only a restart takes up."""
    folders: tuple[str, ...] = ()
    """Those of domains that are named anew, and are being taken in now."""


@dataclass(frozen=True, kw_only=True)
class Rooms:
    """The opened rooms of a running server."""

    live_turns: LiveTurns
    conversations: Conversations
    turn_log: TurnLog
    teaching: Teaching
    engine: Engine
    keeper: ModelKeeper
    library: Library
    ingestions: Ingestions
    registry: PluginRegistry
    counters: Counters
    doorkeeper: Doorkeeper
    started: datetime
    reload: Callable[[], Awaitable[Reloaded]]
    """Read the configuration again. Raises ConfigurationInvalid, and then nothing changed."""
    spawn: Spawn
    """Run something as a task of its own, which ends with the server."""


InRooms = NamedDependency[Rooms]
"""The type of a handler's parameter `rooms`."""
