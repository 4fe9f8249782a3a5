"""The signs of vectors, in memory: which are near a query's, at a glance."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Signs = NDArray[np.uint64]
Ids = NDArray[np.int64]

WORD = 64
# So many are compared at once: what is counted in between stays in the processor's cache.
BLOCK = 65_536
DELETED = -1
# Rows of deleted passages are compared as well; when they are a greater share than this, they go.
MOST_DELETED = 0.25


def signs_of(vectors: NDArray[np.floating]) -> Signs:
    """Give a bit for each dimension, shape (..., words): 1 where it is above 0; the last word is filled up with 0."""
    bits = np.packbits(vectors > 0, axis=-1, bitorder="little")
    words = -(-vectors.shape[-1] // WORD)
    filled = np.zeros((*bits.shape[:-1], words * 8), np.uint8)
    filled[..., : bits.shape[-1]] = bits
    return filled.view("<u8")


class SignIndex:
    """Read by any thread while one adds: a reader sees what there was when it began."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._count = 0
        self._deleted = 0
        self._passages = np.empty(0, np.int64)
        self._collections = np.empty(0, np.int32)
        self._signs = np.empty((0, 0), np.uint64)
        """Shape (words, room): a query is compared word by word."""

    def __len__(self) -> int:
        return self._count

    def add(self, passages: Sequence[int] | Ids, collections: int | Sequence[int], signs: Signs) -> None:
        """Add passages that are not in it; `signs` has shape (passages, words)."""
        with self._changing:
            end = self._count + len(passages)
            if end > self._signs.shape[1] or not self._count:
                self._make_room(max(end, 2 * self._count), signs.shape[1])
            self._passages[self._count : end] = passages
            self._collections[self._count : end] = collections
            self._signs[:, self._count : end] = signs.T
            self._count = end

    def remove(self, passages: Sequence[int]) -> None:
        """Take passages out; those that are not in it are passed over."""
        with self._changing:
            here = self._collections[: self._count]
            gone = np.isin(self._passages[: self._count], passages) & (here != DELETED)
            here[gone] = DELETED
            self._deleted += int(gone.sum())
            if self._deleted > self._count * MOST_DELETED:
                self._compact()

    def of_collections(self, collections: Sequence[int] | None) -> Ids:
        """Give the passages of some collections, or of all."""
        passages, here, _ = self._now()
        return passages[here != DELETED if collections is None else np.isin(here, collections)]

    def nearest(
        self, query: Signs, most: int, *, collections: Sequence[int] | None = None, allowed: Ids | None = None
    ) -> Ids:
        """Give about `most` passages, in no order, whose signs differ least from the query's, shape (words,).

        Those that differ as much as the last of them come too. `collections`, and the passages `allowed`, say which
        may be given.
        """
        passages, here, signs = self._now()
        if not len(passages):
            return passages
        # More than the bits that can differ, so that it counts out whoever may not be given.
        never = WORD * len(signs) + 1
        distances = np.empty(len(passages), np.uint16)
        for start in range(0, len(passages), BLOCK):
            part = signs[:, start : start + BLOCK]
            np.bitwise_count(part ^ query[:, None]).sum(0, dtype=np.uint16, out=distances[start : start + BLOCK])
        distances[here == DELETED if collections is None else ~np.isin(here, collections)] = never
        if allowed is not None:
            distances[~np.isin(passages, allowed, assume_unique=True)] = never
        # Counting how many lie at each distance finds the last one to take ten times as fast as sorting them would.
        within = np.cumsum(np.bincount(distances, minlength=never + 1)[:never])
        last = min(int(np.searchsorted(within, most)), never - 1)
        return passages[distances <= last]

    def _now(self) -> tuple[Ids, NDArray[np.int32], Signs]:
        with self._changing:
            count = self._count
            return self._passages[:count], self._collections[:count], self._signs[:, :count]

    def _compact(self) -> None:
        """Leave out what was deleted. Into new arrays: readers go on in the old ones."""
        kept = self._collections[: self._count] != DELETED
        self._passages = self._passages[: self._count][kept]
        self._collections = self._collections[: self._count][kept]
        self._signs = np.ascontiguousarray(self._signs[:, : self._count][:, kept])
        self._count, self._deleted = len(self._passages), 0

    def _make_room(self, room: int, words: int) -> None:
        count = self._count
        passages, collections = np.empty(room, np.int64), np.empty(room, np.int32)
        signs = np.empty((words, room), np.uint64)
        passages[:count], collections[:count] = self._passages[:count], self._collections[:count]
        if count:
            signs[:, :count] = self._signs[:, :count]
        self._passages, self._collections, self._signs = passages, collections, signs
