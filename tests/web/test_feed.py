"""A feed is made once for all who follow it, only while anybody does, and tells what has changed."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial

import pytest

from mdsa_server.supervisor import Supervisor
from mdsa_server.web.feed import Feed, Feeds, Section


@dataclass
class Page:
    """A page whose sections a test changes; it counts how often each was made, and how often it was looked at."""

    facts: dict[str, int] = field(default_factory=lambda: {"a": 0, "b": 0})
    made: list[str] = field(default_factory=list)
    looks: int = 0
    broken: bool = False

    async def look(self) -> Sequence[Section]:
        self.looks += 1
        if self.broken:
            raise OSError("nothing to be seen")
        return [Section(name, value, partial(self.frame, name)) for name, value in self.facts.items()]

    def frame(self, name: str) -> bytes:
        self.made.append(name)
        return f"{name}{self.facts[name]} ".encode()


@pytest.fixture
async def supervisor() -> AsyncIterator[Supervisor]:
    supervisor = Supervisor()
    yield supervisor
    await supervisor.close()


@pytest.fixture
def page() -> Page:
    return Page()


@pytest.fixture
def feed(page: Page, supervisor: Supervisor) -> Feed:
    return Feed(page.look, spawn=supervisor.spawn, interval=0.001)


async def told(frames: AsyncGenerator[bytes, None]) -> bytes:
    return await asyncio.wait_for(anext(frames), 5)


async def looked(page: Page, times: int) -> None:
    """Wait until the page was looked at so many times more."""
    until = page.looks + times
    while page.looks < until:  # noqa: ASYNC110  # nothing tells of it
        await asyncio.sleep(0.001)


async def test_all_sections_are_told_first_and_then_those_that_change(page: Page, feed: Feed) -> None:
    async with aclosing(feed.follow()) as frames:
        assert await told(frames) == b"a0 b0 "
        page.facts["b"] = 1
        assert await told(frames) == b"b1 "
        page.facts |= {"a": 2, "b": 2}
        assert await told(frames) == b"a2 b2 "


async def test_a_section_is_made_once_for_all_who_follow(page: Page, feed: Feed) -> None:
    followers = [feed.follow() for _ in range(20)]
    assert set(await asyncio.gather(*map(told, followers))) == {b"a0 b0 "}
    page.facts["a"] = 1
    assert set(await asyncio.gather(*map(told, followers))) == {b"a1 "}
    assert page.made == ["a", "b", "a"]
    for follower in followers:
        await follower.aclose()


async def test_who_comes_later_or_was_slow_is_told_all_that_is_new_to_them(page: Page, feed: Feed) -> None:
    async with aclosing(feed.follow()) as slow, aclosing(feed.follow()) as quick:
        assert await told(slow) == await told(quick)
        for name in ("a", "b"):
            page.facts[name] = 1
            await told(quick)
        assert await told(slow) == b"a1 b1 "
        async with aclosing(feed.follow()) as late:
            assert await told(late) == b"a1 b1 "
    assert page.made == ["a", "b", "a", "b"]


async def test_nothing_is_looked_at_while_nobody_follows(page: Page, feed: Feed) -> None:
    await asyncio.sleep(0.02)
    assert page.looks == 0
    async with aclosing(feed.follow()) as frames:
        await told(frames)
    looks = page.looks
    await asyncio.sleep(0.02)
    assert page.looks == looks
    async with aclosing(feed.follow()) as frames:
        assert await told(frames) == b"a0 b0 "


async def test_what_looks_the_same_is_not_sent_again(page: Page, feed: Feed) -> None:
    async with aclosing(feed.follow()) as frames:
        await told(frames)
        coming = asyncio.ensure_future(anext(frames))
        await looked(page, 5)
        assert not coming.done()
        assert page.made == ["a", "b"]
        page.facts["a"] = 1
        assert await coming == b"a1 "


async def test_a_look_that_fails_is_made_up_for_by_the_next(page: Page, feed: Feed) -> None:
    async with aclosing(feed.follow()) as frames:
        await told(frames)
        page.broken = True
        await looked(page, 3)
        page.broken, page.facts["a"] = False, 1
        assert await told(frames) == b"a1 "


async def test_a_server_that_stops_ends_all_feeds(page: Page, supervisor: Supervisor) -> None:
    feeds = Feeds(supervisor.spawn, interval=0.001)
    assert feeds.of("15m", page.look) is feeds.of("15m", page.look)
    assert feeds.of("15m", page.look) is not feeds.of("24h", page.look)
    frames = feeds.of("15m", page.look).follow()
    await told(frames)
    feeds.close()
    with pytest.raises(StopAsyncIteration):
        await told(frames)
