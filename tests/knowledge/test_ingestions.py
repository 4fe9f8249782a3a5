"""Ingestions go on by themselves, tell how far they are, and are forgotten in time."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from mdsa_server.errors import DocumentUnreadable, TooManyIngestions, UnknownIngestion
from mdsa_server.knowledge import ingestions as module
from mdsa_server.knowledge.ingest import Tell
from mdsa_server.knowledge.ingestions import MOST_ENDED, MOST_UNDER_WAY, Ingestions, RunningIngestion
from mdsa_server.knowledge.progress import Progress
from mdsa_server.vocabulary.ingestion import (
    DocumentBegun,
    DocumentGone,
    DocumentIngested,
    DocumentRefused,
    IngestionFailed,
    IngestionFinished,
    IngestionStarted,
    PassagesEmbedded,
)
from mdsa_server.vocabulary.problem import Problem

FINISHED = IngestionFinished(at=9.0, new=1, changed=0, unchanged=0, gone=0, refused=1, passages=3)


def started(documents: int = 2, size: int = 100) -> IngestionStarted:
    return IngestionStarted(at=0.0, collection="manuals", documents=documents, bytes=size)


def ingested(source: str, size: int = 50, at: float = 1.0) -> DocumentIngested:
    return DocumentIngested(at=at, source=source, outcome="new", document=source, passages=3, bytes=size)


class Tasks:
    """Keeps what was spawned."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[None]] = []

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        self.tasks.append(asyncio.create_task(work, name=name))
        return self.tasks[-1]


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    tasks = Tasks()
    yield tasks
    for task in tasks.tasks:
        task.cancel()
    await asyncio.gather(*tasks.tasks, return_exceptions=True)


async def at_once(tell: Tell) -> None:
    tell(started())
    tell(FINISHED)


async def never(_: Tell) -> None:
    await asyncio.Event().wait()


async def told(ingestion: RunningIngestion, after: int = 0) -> list[tuple[int, str]]:
    return [(position, type(event).__name__) async for batch in ingestion.follow(after) for position, event in batch]


async def test_whoever_follows_hears_all_from_any_position(tasks: Tasks) -> None:
    ingestion = Ingestions(tasks.spawn).start("manuals", at_once)
    both = [(1, "IngestionStarted"), (2, "IngestionFinished")]
    assert await told(ingestion) == both
    assert [await told(ingestion, after) for after in (0, 1, 2, 99)] == [both, both[1:], [], []]


async def test_of_very_many_events_the_first_and_the_newest_are_kept(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_EVENTS", 10)

    async def work(tell: Tell) -> None:
        tell(started(100))
        for number in range(100):
            tell(ingested(str(number)))
        tell(FINISHED)

    ingestion = Ingestions(tasks.spawn).start("manuals", work)
    positions = [position for position, _ in await told(ingestion)]
    assert 5 <= len(positions) <= 11
    assert positions == [1, *range(positions[1], 103)]
    assert [position for position, _ in await told(ingestion, 100)] == [101, 102]
    assert ingestion.progress.documents == 100


async def test_one_that_cannot_begin_says_why(tasks: Tasks) -> None:
    async def work(_: Tell) -> None:
        raise DocumentUnreadable("it is not there", "Look for it.")

    ingestion = Ingestions(tasks.spawn).start("manuals", work)
    first = await ingestion.first()
    assert isinstance(first, IngestionFailed)
    assert first.problem.code == "document-unreadable"
    assert ingestion.ended


async def test_one_that_breaks_has_an_end_all_the_same(tasks: Tasks) -> None:
    async def work(tell: Tell) -> None:
        tell(started())
        raise ZeroDivisionError

    ingestion = Ingestions(tasks.spawn).start("manuals", work)
    assert [name for _, name in await told(ingestion)] == ["IngestionStarted", "IngestionFailed"]
    assert ingestion.progress.problem is not None
    assert ingestion.progress.problem.code == "unexpected"


async def test_one_that_the_server_ends_says_so(tasks: Tasks) -> None:
    ingestion = Ingestions(tasks.spawn).start("manuals", never)
    await asyncio.sleep(0)
    tasks.tasks[0].cancel()
    assert [name for _, name in await told(ingestion)] == ["IngestionFailed"]
    assert ingestion.progress.problem is not None
    assert ingestion.progress.problem.code == "server-closing"


@pytest.mark.parametrize("begun", [True, False])
async def test_one_that_is_cancelled_says_so_whether_it_has_begun_or_not(tasks: Tasks, begun: bool) -> None:
    ingestions = Ingestions(tasks.spawn)
    ingestion, other = ingestions.start("manuals", never), ingestions.start("others", never)
    if begun:
        await asyncio.sleep(0)
    await ingestions.cancel_into("manuals")
    assert [name for _, name in await told(ingestion)] == ["IngestionFailed"]
    assert ingestion.progress.problem is not None
    assert ingestion.progress.problem.code == "cancelled"
    await ingestions.cancel(ingestion.id)
    assert len(await told(ingestion)) == 1
    assert not other.ended


async def test_no_more_are_begun_than_may_wait(tasks: Tasks) -> None:
    ingestions = Ingestions(tasks.spawn)
    for _ in range(MOST_UNDER_WAY):
        ingestions.start("manuals", never)
    with pytest.raises(TooManyIngestions):
        ingestions.start("manuals", never)


async def test_those_that_ended_are_forgotten_the_oldest_first(tasks: Tasks) -> None:
    ingestions = Ingestions(tasks.spawn)
    running = ingestions.start("manuals", never)
    ended = [ingestions.start("manuals", at_once) for _ in range(MOST_ENDED + 2)]
    for one in ended:
        await told(one)
    last = ingestions.start("manuals", at_once)
    assert ingestions.all() == [last, *reversed(ended[2:]), running]
    with pytest.raises(UnknownIngestion):
        ingestions.find(ended[0].id)
    ingestions.forget(running.id)
    assert ingestions.find(running.id) is running


def test_progress_counts_the_part_of_a_document_that_is_embedded() -> None:
    progress = Progress("manuals")
    for event in (
        started(3, 200),
        DocumentBegun(at=0.5, source="a", bytes=100),
        DocumentBegun(at=0.5, source="b", bytes=50),
        PassagesEmbedded(at=2.0, source="a", done=256, passages=1024),
        DocumentGone(at=2.0, source="z"),
    ):
        progress.tell(event)
    assert (progress.bytes, progress.documents, progress.at_work) == (25, 0, ["a", "b"])
    assert progress.seconds_left(5.0) == pytest.approx(35.0)
    problem = Problem(code="x", title="X", detail="x", mend="")
    progress.tell(DocumentRefused(at=3.0, source="b", problem=problem, bytes=50))
    progress.tell(ingested("a", 100, 4.0))
    assert (progress.bytes, progress.documents, progress.at_work) == (150, 2, [])
    assert (progress.count("refused"), progress.count("gone"), progress.passages) == (1, 1, 3)
    assert progress.share == 0.75
    progress.tell(FINISHED)
    assert (progress.share, progress.seconds_left(9.0)) == (1.0, None)
