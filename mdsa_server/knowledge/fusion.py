"""From what several searches found to one list: fused, without near-duplicates, neighbours joined. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T", bound=Hashable)

# Cormack, Clarke and Büttcher, Reciprocal Rank Fusion outperforms Condorcet, 2009: k = 60, as there.
RANK_OFFSET = 60
# Of words in a row: texts that share nearly all of them say the same.
SHINGLE = 3
NEARLY_EQUAL = 0.9


def fused(rankings: Iterable[Sequence[T]]) -> list[tuple[T, float]]:
    """Give everything that is in any of the rankings, by reciprocal rank: the sum of 1 / (60 + rank)."""
    scores: dict[T, float] = {}
    for ranking in rankings:
        for rank, one in enumerate(ranking, 1):
            scores[one] = scores.get(one, 0.0) + 1.0 / (RANK_OFFSET + rank)
    return sorted(scores.items(), key=lambda item: -item[1])


def without_near_duplicates(found: Sequence[T], text_of: Callable[[T], str]) -> list[T]:
    """Leave out what says nearly the same as one that stands before it."""
    kept: list[tuple[T, frozenset[tuple[str, ...]]]] = []
    for one in found:
        shingles = _shingles(text_of(one))
        if not any(_alike(shingles, other) for _, other in kept):
            kept.append((one, shingles))
    return [one for one, _ in kept]


def runs(places: Iterable[int]) -> list[range]:
    """Give places that follow each other as ranges, ascending."""
    made: list[range] = []
    for place in sorted(set(places)):
        if made and made[-1].stop == place:
            made[-1] = range(made[-1].start, place + 1)
        else:
            made.append(range(place, place + 1))
    return made


def _shingles(text: str) -> frozenset[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    size = min(SHINGLE, len(words))
    return frozenset(tuple(words[start : start + size]) for start in range(len(words) - size + 1))


def _alike(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> bool:
    """By Jaccard's index; Broder, On the resemblance and containment of documents, 1997."""
    either = len(one | other)
    return either == 0 or len(one & other) / either >= NEARLY_EQUAL
