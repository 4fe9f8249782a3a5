"""What is accepted is taught, whatever goes wrong; what is not accepted is not."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mdsa_server.chat.teaching import Teaching
from mdsa_server.errors import InvalidRequest, LearningWorsened, StoreUnusable, UnknownDomain
from mdsa_server.plugin_api import Domain, Prediction
from mdsa_server.store.corrections import Corrections
from mdsa_server.store.database import Database
from mdsa_server.vocabulary.plugins import PluginStatus
from tests.chat.conftest import Office, events_of

FULL = "create trigger full before update on corrections begin select raise(abort, 'the disk is full'); end"


@dataclass
class School:
    """Routers that get worse by what says so, and that may be slow, or learn nothing."""

    known: list[str] = field(default_factory=list)
    strangers: tuple[str, ...] = ()
    fault: str = ""
    may_learn: asyncio.Event = field(default_factory=asyncio.Event)
    learning: int = 0

    async def measured(self, routers: Collection[str]) -> Mapping[str, Sequence[Prediction]]:
        worse = any("worse" in text for text in self.known)
        return {"word_router": [Prediction(0.9, not worse, str(number)) for number in range(10)]}

    async def refit(self, routers: Collection[str], domains: Sequence[Domain], strangers: Sequence[str]) -> list[str]:
        self.learning += 1
        assert self.learning == 1, "one at a time"
        await self.may_learn.wait()
        self.learning -= 1
        if self.fault:
            return [self.fault]
        self.known = [example.text for domain in domains for example in domain.examples]
        self.strangers = tuple(strangers)
        return []

    async def enable(
        self, plugin: str, routers: Collection[str], domains: Sequence[Domain], strangers: Sequence[str]
    ) -> PluginStatus:
        await self.refit(routers, domains, strangers)
        return PluginStatus(name=plugin, version="", source="bundled", location="", state="active")


@dataclass
class Classroom:
    office: Office
    school: School
    database: Database
    teaching: Teaching

    async def said(self, message: str, domain: str | None = "code") -> str:
        turn = await self.office.live_turns.desk.conversations.begin_turn("local", None, message)
        correction, _ = await self.teaching.say(turn, domain)
        return correction.id

    @property
    def examples(self) -> list[str]:
        """What the team at the desk has."""
        domains = self.office.live_turns.desk.team.domains.values()
        return [example.text for domain in domains for example in domain.examples]


@pytest.fixture
async def classroom(office: Office, tmp_path: Path) -> AsyncIterator[Classroom]:
    database, desk, school = await Database.open(tmp_path / "mdsa.sqlite3"), office.live_turns.desk, School()
    school.may_learn.set()
    teaching = Teaching(desk.team, desk=desk, learners=school, corrections=Corrections(database))
    yield Classroom(office, school, database, teaching)
    await database.close()


async def test_a_plugin_that_is_enabled_is_taught_what_the_others_know(classroom: Classroom) -> None:
    for message, domain in (("a loop", "code"), ("a song", None)):
        await classroom.teaching.accept(await classroom.said(message, domain))
    classroom.school.known.clear()
    assert (await classroom.teaching.enable("words")).state == "active"
    assert classroom.school.known == ["a loop"]


async def test_the_desk_and_the_routers_learn_the_same(classroom: Classroom) -> None:
    await classroom.teaching.accept(await classroom.said("a loop"))
    await classroom.teaching.accept(await classroom.said("a song", None))
    assert classroom.examples == classroom.school.known == ["a loop"]
    assert classroom.school.strangers == ("a song",)


async def test_what_makes_the_routers_worse_is_neither_known_nor_at_the_desk(classroom: Classroom) -> None:
    await classroom.teaching.accept(await classroom.said("a loop"))
    worse = await classroom.said("worse")
    with pytest.raises(LearningWorsened, match=r"right about 100% of the 10 messages .* would be about 0%"):
        await classroom.teaching.accept(worse)
    assert classroom.examples == classroom.school.known == ["a loop"]
    assert (await classroom.teaching.corrections.read(worse)).state == "pending"


async def test_what_cannot_be_saved_is_not_taught(classroom: Classroom) -> None:
    correction = await classroom.said("a loop")
    await classroom.database.write(lambda db: db.execute(FULL).fetchall())
    with pytest.raises(StoreUnusable):
        await classroom.teaching.accept(correction)
    assert classroom.examples == classroom.school.known == []


async def test_routers_that_could_not_learn_are_told_and_the_correction_is_kept_for_the_next_time(
    classroom: Classroom,
) -> None:
    classroom.school.fault = "word_router did not learn the changed domains"
    taught = await classroom.teaching.accept(await classroom.said("a loop"))
    assert (taught.warnings, taught.correction.state) == ((classroom.school.fault,), "accepted")
    classroom.school.fault = ""
    await classroom.teaching.take_up(classroom.office.live_turns.desk.team)
    assert classroom.school.known == ["a loop"]


async def test_turns_are_answered_while_the_routers_learn_and_learning_is_one_at_a_time(classroom: Classroom) -> None:
    corrections = [await classroom.said(text) for text in ("a loop", "a function")]
    classroom.school.may_learn.clear()
    accepting = [asyncio.create_task(classroom.teaching.accept(correction)) for correction in corrections]
    assert (await events_of(classroom.office, "general, please"))[-1].__struct_config__.tag == "turn_finished"
    assert not any(task.done() for task in accepting)
    classroom.school.may_learn.set()
    await asyncio.gather(*accepting)
    assert classroom.examples == ["a loop", "a function"]


async def test_only_another_domain_that_is_there_can_be_right(classroom: Classroom) -> None:
    with pytest.raises(UnknownDomain):
        await classroom.said("a loop", "nowhere")
    live = await classroom.office.live_turns.start("local", "some code")
    turn = await live.finished()
    with pytest.raises(InvalidRequest, match="code is the domain that answered"):
        await classroom.teaching.say(turn, "code")
