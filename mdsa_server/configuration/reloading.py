"""Taking up a changed configuration while the server runs."""

import asyncio
from collections.abc import Callable

import structlog

from mdsa_server.chat.desk import Team
from mdsa_server.chat.teaching import Teaching
from mdsa_server.configuration import checks
from mdsa_server.configuration.load import Loaded
from mdsa_server.configuration.offers import require_fit
from mdsa_server.configuration.taking_up import changed_beyond_reload
from mdsa_server.errors import EngineError, UnknownModel
from mdsa_server.inference.engine import Engine
from mdsa_server.knowledge.following import Followed
from mdsa_server.plugin_host.registry import PluginRegistry
from mdsa_server.settings import Settings
from mdsa_server.vocabulary.fault import Fault
from mdsa_server.vocabulary.tools import ToolPolicy
from mdsa_server.web.rooms import Reloaded

log = structlog.get_logger(__name__)


class Reloader:
    """Reads what the server was started with again, and has its team taken up."""

    def __init__(
        self,
        loaded: Loaded,
        *,
        teaching: Teaching,
        registry: PluginRegistry,
        engine: Engine,
        followed: Followed,
        took_up: Callable[[Loaded], None],
    ) -> None:
        self._started_with = loaded
        self._teaching = teaching
        self._registry = registry
        self._engine = engine
        self._followed = followed
        self._took_up = took_up
        self._one_at_a_time = asyncio.Lock()

    async def reload(self) -> Reloaded:
        """Take up what has changed; one at a time. Raises ConfigurationInvalid, and then nothing has changed."""
        async with self._one_at_a_time:
            # In a thread: a long file takes a while, and turns are under way.
            reading = await asyncio.to_thread(self._started_with.again)
            fresh, misfits = await require_fit(reading, self._registry)
            warnings = [str(fault) for fault in misfits]
            warnings += [str(fault) for fault in await self._missing_models(fresh)]
            team = team_of(fresh.settings)
            warnings += await self._teaching.take_up(team)
            self._took_up(fresh)
            folders = tuple(map(str, self._followed.take_up(fresh.settings.folders)))
            needs_restart = tuple(changed_beyond_reload(self._started_with.settings, fresh.settings))
            log.info("configuration read again", domains=list(team.domains), needs_restart=needs_restart)
            for warning in warnings:
                log.warning("configuration", warning=warning)
            return Reloaded(
                domains=tuple(team.domains), warnings=tuple(warnings), needs_restart=needs_restart, folders=folders
            )

    async def _missing_models(self, fresh: Loaded) -> list[Fault]:
        try:
            self._engine.check()
            installed = await self._engine.client.installed()
        except (EngineError, UnknownModel):
            return []  # Every page says so already.
        return checks.missing_models(fresh.settings, installed, fresh.places)


def team_of(settings: Settings) -> Team:
    """Make the team that settings describe."""
    return Team(
        domains={domain.name: domain for domain in settings.domains_as_vocabulary()},
        routers=tuple(settings.routing.routers),
        fallback=settings.routing.fallback,
        min_confidence=settings.routing.min_confidence,
        target_precision=settings.routing.target_precision,
        on_tie=settings.routing.on_tie,
        router_timeout=settings.routing.timeout,
        tools=ToolPolicy(
            max_rounds=settings.tools.max_rounds,
            timeout=settings.tools.timeout,
            max_result_chars=settings.tools.max_result_chars,
            approval_timeout=settings.tools.approval_timeout,
            approvals=settings.tools.approval,
        ),
    )
