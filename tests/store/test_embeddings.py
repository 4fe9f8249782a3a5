"""Vectors are found again by encoder and text."""

import struct

import pytest

from mdsa_server.errors import StoreUnusable
from mdsa_server.store.database import Database
from mdsa_server.store.embeddings import EmbeddingCache

VECTOR = struct.pack("<3f", 0.6, 0.8, 0.0)


async def test_a_vector_is_found_by_its_text_and_encoder_only(database: Database) -> None:
    cache = EmbeddingCache(database)
    await cache.put("encoder-1", {"hello": VECTOR, "\ud800": VECTOR})
    assert await cache.get("encoder-1", ["hello", "other", "\ud800"]) == {"hello": VECTOR, "\ud800": VECTOR}
    assert await cache.get("encoder-2", ["hello"]) == {}


async def test_what_is_no_vector_is_not_kept(database: Database) -> None:
    cache = EmbeddingCache(database)
    with pytest.raises(StoreUnusable):
        await cache.put("encoder-1", {"hello": b"abc"})
    assert await cache.get("encoder-1", ["hello"]) == {}


async def test_vectors_of_a_former_encoder_are_dropped_when_a_new_one_keeps_its_own(database: Database) -> None:
    cache = EmbeddingCache(database)
    for encoder in ("b", "a", "c"):
        await cache.put(encoder, {"hello": VECTOR})
    assert [bool(await cache.get(encoder, ["hello"])) for encoder in "abc"] == [False, False, True]
