"""From what several searches found to one list: fused, without repeats, neighbours joined. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T", bound=Hashable)

# Cormack, Clarke and Büttcher, Reciprocal Rank Fusion outperforms Condorcet, 2009: k = 60, as there.
RANK_OFFSET = 60


def fused(rankings: Iterable[Sequence[T]]) -> list[tuple[T, float]]:
    """Give everything that is in any of the rankings, by reciprocal rank: the sum of 1 / (60 + rank)."""
    scores: dict[T, float] = {}
    for ranking in rankings:
        for rank, one in enumerate(ranking, 1):
            scores[one] = scores.get(one, 0.0) + 1.0 / (RANK_OFFSET + rank)
    return sorted(scores.items(), key=lambda item: -item[1])


def without_repeats(found: Iterable[T], said_by: Callable[[T], tuple[str, ...]]) -> list[T]:
    """Leave out what says the same as one that stands before it: its title and text, but for white space and case.

    What differs in a word, a number or a sign stays: that may be just what is asked for.
    """
    first: dict[tuple[str, ...], T] = {}
    for one in found:
        first.setdefault(tuple(" ".join(text.casefold().split()) for text in said_by(one)), one)
    return list(first.values())


def runs(places: Iterable[int]) -> list[range]:
    """Give places that follow each other as ranges, ascending."""
    made: list[range] = []
    for place in sorted(set(places)):
        if made and made[-1].stop == place:
            made[-1] = range(made[-1].start, place + 1)
        else:
            made.append(range(place, place + 1))
    return made
