"""The configuration of a running server: what is in force of it, and how it stands with what it rests on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mdsa_server.configuration.effective import settings_in_force
from mdsa_server.configuration.fingerprints import fingerprint_of_retrieval, fingerprint_of_routing
from mdsa_server.configuration.load import Loaded
from mdsa_server.configuration.machine import LATER, examine_running, origin_of
from mdsa_server.configuration.offers import misfits
from mdsa_server.configuration.reloading import team_of
from mdsa_server.errors import ConfigurationInvalid
from mdsa_server.inference.engine import Engine
from mdsa_server.plugin_host.registry import PluginRegistry
from mdsa_server.vocabulary.findings import Findings
from mdsa_server.vocabulary.hidden_values import shown_text

if TYPE_CHECKING:
    from mdsa_server.vocabulary.evaluations import EvaluationKind
    from mdsa_server.vocabulary.fault import Fault
    from mdsa_server.vocabulary.settings_in_force import SettingsInForce


class InForce:
    """What the server was started with, under what reloads have taken up since."""

    def __init__(self, started: Loaded, *, registry: PluginRegistry, engine: Engine) -> None:
        self._started = started
        self._registry = registry
        self._engine = engine
        self._latest = started

    def take_up(self, latest: Loaded) -> None:
        """Go on with what a reload has taken up."""
        self._latest = latest

    def settings(self) -> SettingsInForce:
        """Give every key in the order of the file."""
        return settings_in_force(self._started, self._latest)

    def fingerprint(self, kind: EvaluationKind) -> str:
        """Give what tells whether an evaluation measured what is in force now."""
        if kind == "retrieval":
            return fingerprint_of_retrieval(self._started.settings)
        settings = self._latest.settings.model_copy(
            update={table: getattr(self._started.settings, table) for table in ("embedding", "plugins")}
        )
        return fingerprint_of_routing(settings, team_of(settings))

    async def check(self) -> Findings:
        """Read the configuration again and say what `mdsa check` would, of this server's own engine and plugins."""
        try:
            reading = await asyncio.to_thread(self._started.again)
        except ConfigurationInvalid as error:
            return _shown(Findings(faults=list(error.faults), later=LATER))
        if reading.loaded is None:
            return _shown(Findings(faults=list(reading.faults), later=LATER))
        if reading.faults:
            more, _ = await misfits(reading.loaded, self._registry)
            return _shown(Findings(faults=[*reading.faults, *more], later=LATER))
        findings = await examine_running(reading.loaded, self._registry, self._engine)
        findings.fine = {"configuration": origin_of(reading.loaded)} | findings.fine
        return _shown(findings)


def _shown(findings: Findings) -> Findings:
    """Leave secrets out: faults quote what was written."""

    def without(fault: Fault) -> Fault:
        return replace(fault, what=shown_text(fault.what), mend=shown_text(fault.mend))

    return Findings(
        faults=list(map(without, findings.faults)),
        warnings=list(map(without, findings.warnings)),
        fine={subject: shown_text(words) for subject, words in findings.fine.items()},
        later=findings.later,
    )
