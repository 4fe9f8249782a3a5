"""Vectors of texts that come again: taken from a cache where they are in it, made and put there where not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import structlog

from mdsa_server.errors import StoreUnusable
from mdsa_server.inference.embedding_model import Vectors

log = structlog.get_logger(__name__)

# Models read a few hundred tokens at most; splitting the rest into tokens would be work for nothing.
TEXT_CHARS = 20_000
# How many vectors of a large order are made before they are put into the cache.
KEPT_AT_ONCE = 512


class EmbeddingCache(Protocol):
    """Vectors by the encoder's fingerprint and the text: float32, little-endian."""

    async def get(self, fingerprint: str, texts: Sequence[str]) -> dict[str, bytes]: ...

    async def put(self, fingerprint: str, vectors: Mapping[str, bytes]) -> None: ...


async def recall(
    cache: EmbeddingCache, fingerprint: str, texts: Sequence[str], make: Callable[[Sequence[str]], Awaitable[Vectors]]
) -> Vectors:
    """Take from the cache what it has; make the rest and put it there, part by part, so that nothing is lost."""
    wanted = list(dict.fromkeys(texts))
    vectors = await _known(cache, fingerprint, wanted)
    unknown = [text for text in wanted if text not in vectors]
    for start in range(0, len(unknown), KEPT_AT_ONCE):
        part = unknown[start : start + KEPT_AT_ONCE]
        made = dict(zip(part, await make(part), strict=True))
        await _keep(cache, fingerprint, made)
        vectors |= made
    return np.stack([vectors[text] for text in texts])


def readable(text: str) -> str:
    """Cut to what a model may read, and without the lone surrogates that tokenizers refuse."""
    return text[:TEXT_CHARS].encode("utf-8", "replace").decode("utf-8")


# A cache that fails costs time, not an answer.


async def _known(cache: EmbeddingCache, fingerprint: str, texts: Sequence[str]) -> dict[str, Vectors]:
    try:
        kept = await cache.get(fingerprint, texts)
    except StoreUnusable as error:
        log.warning("cached vectors cannot be read", problem=error.detail, mend=error.mend)
        return {}
    return {text: np.frombuffer(vector, "<f4").astype(np.float32) for text, vector in kept.items()}


async def _keep(cache: EmbeddingCache, fingerprint: str, made: Mapping[str, Vectors]) -> None:
    try:
        await cache.put(fingerprint, {text: vector.astype("<f4").tobytes() for text, vector in made.items()})
    except StoreUnusable as error:
        log.warning("vectors cannot be cached", problem=error.detail, mend=error.mend)
