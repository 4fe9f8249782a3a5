"""What the routers are taught: the configured domains with the accepted corrections laid over them."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Protocol

import structlog

from mdsa_server.chat.desk import Desk, SharedVector, Team
from mdsa_server.chat.route import choose_route
from mdsa_server.errors import InvalidRequest, LearningWorsened
from mdsa_server.plugin_api.contracts import RouteQuery
from mdsa_server.routing.teaching import compared, strangers, taught, worse
from mdsa_server.store.corrections import Corrections
from mdsa_server.vocabulary.corrections import Correction, HeldOut, Taught
from mdsa_server.vocabulary.domain import Domain
from mdsa_server.vocabulary.plugins import PluginStatus
from mdsa_server.vocabulary.routing import Prediction
from mdsa_server.vocabulary.turn import Turn

log = structlog.get_logger(__name__)


class Learners(Protocol):
    """The routers, as far as they learn."""

    async def measured(self, routers: Collection[str]) -> Mapping[str, Sequence[Prediction]]:
        """Give what each said, when it last learnt, of examples that it had not learnt from."""

    async def refit(self, routers: Collection[str], domains: Sequence[Domain], strangers: Sequence[str]) -> list[str]:
        """Have the named routers learn; give what went wrong, a sentence each. What they knew stays where it fails."""

    async def enable(
        self, plugin: str, routers: Collection[str], domains: Sequence[Domain], strangers: Sequence[str]
    ) -> PluginStatus:
        """Use a plugin again, those of its routers that are named having learnt. Raises as PluginRegistry does."""


def taught_team(configured: Team, accepted: Sequence[Correction]) -> Team:
    """Lay accepted corrections over a configured team; those of domains that it lacks wait until it has them."""
    domains = taught(configured.domains.values(), accepted)
    return replace(configured, domains={domain.name: domain for domain in domains})


class Teaching:
    """Swaps the team at the desk for one that was taught more, or less; one change at a time, while turns go on."""

    def __init__(self, configured: Team, *, desk: Desk, learners: Learners, corrections: Corrections) -> None:
        self._configured = configured
        self._desk = desk
        self._learners = learners
        self.corrections = corrections
        self._one_at_a_time = asyncio.Lock()

    async def say(self, turn: Turn, domain: str | None) -> tuple[Correction, bool]:
        """Say which domain is right for a turn's message, None for none; give it, and whether it is new.

        Raises UnknownDomain, UnknownTurn, or InvalidRequest where that domain answered.
        """
        if domain is not None:
            self._desk.team.domain(domain)
        if domain is not None and domain == turn.domain:
            raise InvalidRequest(f"domain: {domain} is the domain that answered", "Name another one, or null for none.")
        return await self.corrections.say(turn, domain)

    async def take_up(self, configured: Team) -> list[str]:
        """Take up a team that was configured anew; give what went wrong, a sentence each."""
        async with self._one_at_a_time:
            self._configured = configured
            accepted = await self.corrections.find("accepted")
            unknown = {correction.domain for correction in accepted if correction.domain} - configured.domains.keys()
            return [
                *await self._teach(accepted),
                *(f"accepted corrections wait for the domain {name!r}, which is not there" for name in sorted(unknown)),
            ]

    async def accept(self, correction: str, *, force: bool = False) -> Taught:
        """Teach the routers a correction.

        Raises LearningWorsened where they become worse by it, unless it is forced: they are then taught what they
        knew, and the correction stays as it was. Raises UnknownCorrection, or UnknownDomain where its domain is gone.
        """
        async with self._one_at_a_time:
            read = await self.corrections.read(correction)
            if read.state == "accepted":
                return Taught(correction=read)
            if read.domain is not None:
                self._configured.domain(read.domain)
            accepted = await self.corrections.find("accepted")
            before = await self._measured()
            try:
                warnings = await self._teach([*accepted, read])
                held_out = compared(before, await self._measured(), read.message)
                if not force:
                    _require_no_worse(held_out)
                settled = await self.corrections.settle(correction, "accepted")
            except Exception:
                # Refused or not saved: the routers may not know what is not accepted.
                await self._teach(accepted)
                raise
            log.info("correction accepted", correction=correction, domain=read.domain, forced=force)
            warnings = warnings or await self._not_there_yet(read)
            return Taught(correction=settled, held_out=held_out, warnings=tuple(warnings))

    async def reject(self, correction: str) -> Correction:
        """Reject a correction; if it had been accepted, the routers forget it. Raises UnknownCorrection."""
        async with self._one_at_a_time:
            read = await self.corrections.read(correction)
            settled = await self.corrections.settle(correction, "rejected")
            await self._forget(read)
            return settled

    async def delete(self, correction: str) -> None:
        """Delete a correction, for good; if it had been accepted, the routers forget it. Raises UnknownCorrection."""
        async with self._one_at_a_time:
            read = await self.corrections.read(correction)
            await self.corrections.delete(correction)
            await self._forget(read)

    async def enable(self, plugin: str) -> PluginStatus:
        """Use a plugin again, its routers taught what the others know. Raises UnknownPlugin or PluginNotLoaded."""
        async with self._one_at_a_time:
            team, accepted = self._desk.team, await self.corrections.find("accepted")
            domains = tuple(team.domains.values())
            return await self._learners.enable(plugin, team.routers, domains, strangers(accepted))

    async def _not_there_yet(self, correction: Correction) -> list[str]:
        """Say so where the corrected message itself goes elsewhere still: one example may be too few to be sure."""
        with closing(SharedVector(text=correction.message, embed=self._desk.embed)) as vector:
            query = RouteQuery(message=correction.message, vector=vector)
            route = await choose_route(self._desk, self._desk.team, query)
        if correction.domain in (None, route.domain):
            return []
        return [
            f"The message itself goes to {route.domain} still: the routers are not sure enough of {correction.domain}."
            " More examples like it would help."
        ]

    async def _forget(self, correction: Correction) -> None:
        if correction.state == "accepted":
            for warning in await self._teach(await self.corrections.find("accepted")):
                log.warning("correction not forgotten", correction=correction.id, warning=warning)

    async def _measured(self) -> Mapping[str, Sequence[Prediction]]:
        return await self._learners.measured(self._configured.routers)

    async def _teach(self, accepted: Sequence[Correction]) -> list[str]:
        team = taught_team(self._configured, accepted)
        warnings = await self._learners.refit(team.routers, tuple(team.domains.values()), strangers(accepted))
        self._desk.team = team
        return warnings


def _require_no_worse(held_out: Sequence[HeldOut]) -> None:
    if lost := [one for one in held_out if worse(one)]:
        told = "; ".join(
            f"{one.router} was right about {one.before:.0%} of the {one.messages} messages"
            f" that it is tried on, and would be about {one.after:.0%}"
            for one in lost
        )
        raise LearningWorsened(
            f"{told}. The correction stays pending.",
            "Give the domain more examples or sharper ones in mdsa.toml, or reject the correction;"
            ' {"force": true}, --force, or “Accept anyway” on the page accepts it all the same.',
        )
