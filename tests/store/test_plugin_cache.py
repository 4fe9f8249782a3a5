"""What plugins keep between two starts of the server."""

import time

import pytest

from mdsa_server.store.database import Database
from mdsa_server.store.plugin_cache import KEPT, LARGEST_BYTES, StoredCache


async def test_each_plugin_finds_what_it_put_there_and_nobody_elses(database: Database) -> None:
    one, other = StoredCache(database, "one"), StoredCache(database, "other")
    await one.put("key", b"1")
    await other.put("key", b"2")
    await one.put("key", b"3")
    assert (await one.get("key"), await other.get("key"), await one.get("none")) == (b"3", b"2", None)


async def test_the_newest_are_kept(database: Database) -> None:
    cache, other = StoredCache(database, "one"), StoredCache(database, "other")
    await other.put("old", b"x")
    for number in range(KEPT + 2):
        await cache.put(str(number), b"x")
    assert [await cache.get(str(number)) for number in range(KEPT + 2)] == [None, None, *[b"x"] * KEPT]
    assert await other.get("old") == b"x"


async def test_what_was_put_there_last_is_kept_though_the_clock_was_set_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, now = StoredCache(database, "one"), time.time()
    for number in range(KEPT + 1):
        monkeypatch.setattr(time, "time", lambda number=number: now - number)
        await cache.put(str(number), b"x")
    assert await cache.get(str(KEPT)) == b"x"


async def test_what_is_too_large_is_not_kept(database: Database) -> None:
    cache = StoredCache(database, "one")
    await cache.put("large", bytes(LARGEST_BYTES + 1))
    assert await cache.get("large") is None
