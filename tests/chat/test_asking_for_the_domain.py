"""A turn that asks which domain is meant knows the domains that it began with, whatever is reloaded meanwhile."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from mdsa_server.errors import UnknownDomain
from mdsa_server.vocabulary.domain import Domain
from tests.chat.conftest import Office

TIED = "code gone"


async def test_a_domain_that_a_reload_took_away_may_still_be_meant_and_one_that_it_brought_may_not(
    office: Office,
) -> None:
    desk = office.live_turns.desk
    gone = Domain(name="gone", description="What will be gone")
    desk.team = dataclasses.replace(desk.team, domains={**desk.team.domains, "gone": gone})
    stream = await office.live_turns.start("local", TIED)
    waiting = await stream.finished_or_asking()
    assert waiting.needs is not None
    new = Domain(name="new", description="Came later")
    desk.team = dataclasses.replace(desk.team, domains={"general": desk.team.domains["general"], "new": new})
    with pytest.raises(UnknownDomain):
        await office.live_turns.choose_domain("local", waiting.id, "new")
    await office.live_turns.choose_domain("local", waiting.id, "gone")
    turn = await stream.finished()
    assert (turn.outcome, turn.domain) == ("answered", "gone")


async def test_a_reload_while_the_message_is_saved_takes_no_domain_from_its_turn(office: Office) -> None:
    desk = office.live_turns.desk
    starting = asyncio.create_task(office.live_turns.start("local", "hello", domain="code"))
    await asyncio.sleep(0)
    desk.team = dataclasses.replace(desk.team, domains={"general": desk.team.domains["general"]})
    assert (await (await starting).finished()).domain == "code"
