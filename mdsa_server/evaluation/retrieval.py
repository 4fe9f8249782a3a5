"""How good a search is, measured on questions whose documents are known; pure.

All measures are between 0 and 1. Whether a document is relevant is a matter of yes or no.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import log2

import numpy as np
from msgspec import Struct

STAGES = ("bm25", "vector", "fusion")
DEPTH = 10
DRAWS = 1000


class Asked(Struct, frozen=True, kw_only=True):
    """A question, and what was found for it."""

    question: str
    relevant: tuple[str, ...]
    """The documents that answer it, at least one."""
    found: Mapping[str, tuple[str, ...]]
    """By stage, documents, the best first."""
    embedding_seconds: float
    search_seconds: float
    """What searching by words and by meaning took, side by side, beyond the embedding."""


class Measure(Struct, frozen=True):
    """The mean over all questions."""

    value: float
    interval: tuple[float, float]
    """95 %, by bootstrap over the questions (Efron and Tibshirani, An Introduction to the Bootstrap, 1993)."""


class RetrievalReport(Struct, frozen=True, kw_only=True):
    """All that was measured; each measure by stage."""

    ndcg10: dict[str, float]
    recall10: dict[str, float]
    questions: int
    documents: int
    passages: int
    measures: dict[str, dict[str, Measure]]
    """`ndcg10`, `mrr10`, `recall1`, `recall5` and `recall10`, each by stage."""
    embedding_ms: float
    """The median, of a question."""
    search_ms: float
    missed: tuple[str, ...]
    """Questions of whose documents the whole search finds none among the first ten."""


def ndcg(found: Sequence[str], relevant: Sequence[str], depth: int = DEPTH) -> float:
    """Give the discounted cumulative gain over the best there could be (Järvelin and Kekäläinen, 2002)."""
    wanted = set(relevant)
    gained = sum(1 / log2(place + 2) for place, one in enumerate(found[:depth]) if one in wanted)
    return gained / sum(1 / log2(place + 2) for place in range(min(depth, len(wanted))))


def recall(found: Sequence[str], relevant: Sequence[str], depth: int = DEPTH) -> float:
    """Give the share of the relevant documents that are among the first so many."""
    wanted = set(relevant)
    return len(wanted.intersection(found[:depth])) / len(wanted)


def reciprocal_rank(found: Sequence[str], relevant: Sequence[str], depth: int = DEPTH) -> float:
    """Give 1 over the place of the first relevant document, counted from 1; 0 where none is among the first."""
    wanted = set(relevant)
    return next((1 / place for place, one in enumerate(found[:depth], 1) if one in wanted), 0.0)


MEASURES: dict[str, tuple[Callable[[Sequence[str], Sequence[str], int], float], int]] = {
    "ndcg10": (ndcg, 10),
    "mrr10": (reciprocal_rank, 10),
    "recall1": (recall, 1),
    "recall5": (recall, 5),
    "recall10": (recall, 10),
}


def mean(values: Sequence[float]) -> Measure:
    """Give the mean of at least one value, with its interval."""
    numbers = np.asarray(values, np.float64)
    drawn = np.random.default_rng(0).choice(numbers, (DRAWS, len(numbers))).mean(1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Measure(float(numbers.mean()), (float(low), float(high)))


def report(asked: Sequence[Asked], *, documents: int, passages: int) -> RetrievalReport:
    """Measure what was found for at least one question."""
    measures = {
        name: {stage: mean([measure(one.found[stage], one.relevant, depth) for one in asked]) for stage in STAGES}
        for name, (measure, depth) in MEASURES.items()
    }
    return RetrievalReport(
        ndcg10={stage: measured.value for stage, measured in measures["ndcg10"].items()},
        recall10={stage: measured.value for stage, measured in measures["recall10"].items()},
        questions=len(asked),
        documents=documents,
        passages=passages,
        measures=measures,
        embedding_ms=1000 * float(np.median([one.embedding_seconds for one in asked])),
        search_ms=1000 * float(np.median([one.search_seconds for one in asked])),
        missed=tuple(one.question for one in asked if not recall(one.found["fusion"], one.relevant)),
    )
