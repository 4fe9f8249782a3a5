"""What handlers may use: given to each by its parameter `rooms`."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from litestar.di import NamedDependency
from msgspec import Struct

from mdsa_server.chat.live_turns import LiveTurns
from mdsa_server.chat.saving import Spawn
from mdsa_server.chat.teaching import Teaching
from mdsa_server.inference.engine import Engine
from mdsa_server.inference.model_keeper import ModelKeeper
from mdsa_server.knowledge.ingestions import Ingestions
from mdsa_server.knowledge.library import Library
from mdsa_server.monitor.counters import Counters
from mdsa_server.monitor.host_watch import HostWatch
from mdsa_server.monitor.recorder import Recorder
from mdsa_server.plugin_host.registry import PluginRegistry
from mdsa_server.store.audit import AuditLog
from mdsa_server.store.conversations import Conversations
from mdsa_server.store.database import Database
from mdsa_server.store.turn_log import TurnLog
from mdsa_server.vocabulary.evaluations import EvaluationKind
from mdsa_server.vocabulary.findings import Findings
from mdsa_server.vocabulary.settings_in_force import SettingsInForce
from mdsa_server.vocabulary.stopwatch import Stopwatch
from mdsa_server.web.auth import Doorkeeper
from mdsa_server.web.feed import Feeds
from mdsa_server.web.model_table import ModelTable
from mdsa_server.web.token_limits import TokenLimits


class Configuration(Protocol):
    """The configuration, as far as pages and programs are told of it."""

    def settings(self) -> SettingsInForce:
        """Give every key that is in force, in the order of the file."""

    def fingerprint(self, kind: EvaluationKind) -> str:
        """Give what tells whether an evaluation measured what is in force now."""

    async def check(self) -> Findings:
        """Read it again and say what is wrong with it, and with what it rests on."""


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
    models: ModelTable
    library: Library
    ingestions: Ingestions
    registry: PluginRegistry
    counters: Counters
    recorder: Recorder
    host_watch: HostWatch
    feeds: Feeds
    """What all who watch the monitor are shown."""
    most_upload_bytes: int
    """How many bytes of files may be sent at once, their form included."""
    doorkeeper: Doorkeeper
    token_limits: TokenLimits
    audit: AuditLog
    database: Database
    """To be asked whether it can be used; what is in it, the others tell."""
    uptime: Stopwatch
    configuration: Configuration
    data_folder: Path
    backing_up: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a backup is taken and sent: each has the room of a whole database."""
    reload: Callable[[], Awaitable[Reloaded]]
    """Read the configuration again. Raises ConfigurationInvalid, and then nothing changed."""
    spawn: Spawn
    """Run something as a task of its own, which ends with the server."""


InRooms = NamedDependency[Rooms]
"""The type of a handler's parameter `rooms`."""
