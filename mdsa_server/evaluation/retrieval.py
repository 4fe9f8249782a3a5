"""How good a search is, measured on questions whose documents are known; pure.

All measures are between 0 and 1. Whether a document is relevant is a matter of yes or no.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import log2

import numpy as np
from msgspec import Struct

STAGE_NAMES = {"bm25": "words", "vector": "meaning", "fusion": "both", "rerank": "reranked"}
"""Stages as they are told to people, in their order; not every search has the last."""
DEPTH = 10
DEEPEST = 20
"""How far down recall is followed."""
DRAWS = 1000
ALIKE = 1e-9
"""Sums that differ by less differ by their rounding."""


class Asked(Struct, frozen=True, kw_only=True):
    """A question, and what was found for it."""

    question: str
    relevant: tuple[str, ...]
    """The documents that answer it, at least one."""
    found: Mapping[str, tuple[str, ...]]
    """By stage, documents, the best first. The last stage is the whole search; all questions that are measured together
    have the same stages."""
    embedding_seconds: float
    search_seconds: float
    """What the whole search took, beyond the embedding."""
    reranking_seconds: float = 0.0
    """Of that, what reading and judging the best took, where there is a reranker."""


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

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages in their order; the last is the whole search."""
        return tuple(self.ndcg10)


class Comparison(Struct, frozen=True, kw_only=True):
    """The whole search against one of the stages before it, question by question, in nDCG@10."""

    stage: str
    better: int
    """How many questions the whole search does better at."""
    same: int
    worse: int
    difference: Measure
    """Above 0 where the whole search is better."""


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
    place = first_place(found[:depth], relevant)
    return 1 / place if place else 0.0


def first_place(found: Sequence[str], relevant: Sequence[str]) -> int | None:
    """Give where the first relevant document stands, counted from 1; None where there is none."""
    wanted = set(relevant)
    return next((place for place, one in enumerate(found, 1) if one in wanted), None)


MEASURES: dict[str, tuple[Callable[[Sequence[str], Sequence[str], int], float], int]] = {
    "ndcg10": (ndcg, 10),
    "mrr10": (reciprocal_rank, 10),
    "recall1": (recall, 1),
    "recall5": (recall, 5),
    "recall10": (recall, 10),
}
MEASURE_NAMES = {
    "ndcg10": "nDCG@10",
    "mrr10": "MRR@10",
    "recall1": "recall@1",
    "recall5": "recall@5",
    "recall10": "recall@10",
}


def mean(values: Sequence[float]) -> Measure:
    """Give the mean of at least one value, with its interval."""
    numbers = np.asarray(values, np.float64)
    drawn = np.random.default_rng(0).choice(numbers, (DRAWS, len(numbers))).mean(1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Measure(float(numbers.mean()), (float(low), float(high)))


def report(asked: Sequence[Asked], *, documents: int, passages: int) -> RetrievalReport:
    """Measure what was found for at least one question."""
    stages = tuple(asked[0].found)
    measures = {
        name: {stage: mean([measure(one.found[stage], one.relevant, depth) for one in asked]) for stage in stages}
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
        missed=tuple(one.question for one in missed(asked)),
    )


def missed(asked: Sequence[Asked]) -> list[Asked]:
    """Give the questions of whose documents the whole search finds none among the first ten."""
    return [one for one in asked if not recall(whole_search(one), one.relevant)]


def whole_search(asked: Asked) -> tuple[str, ...]:
    """Give what the last stage found."""
    return list(asked.found.values())[-1]


def recall_by_depth(asked: Sequence[Asked], stage: str) -> list[float]:
    """Give the mean recall of a stage among the first 1, 2 and so on to 20."""
    return [
        float(np.mean([recall(one.found[stage], one.relevant, depth) for one in asked]))
        for depth in range(1, DEEPEST + 1)
    ]


def first_places(asked: Sequence[Asked]) -> list[int]:
    """Count the questions by where the whole search has the first relevant document.

    The counts are those of the places 1 to 10, of any later one, and of none.
    """
    counts = [0] * (DEPTH + 2)
    for one in asked:
        place = first_place(whole_search(one), one.relevant)
        counts[DEPTH + 1 if place is None else min(place - 1, DEPTH)] += 1
    return counts


def comparisons(asked: Sequence[Asked]) -> list[Comparison]:
    """Compare the whole search with each stage before it, on the same questions."""
    whole = [ndcg(whole_search(one), one.relevant) for one in asked]
    made = []
    for stage in list(asked[0].found)[:-1]:
        gains = np.array([best - ndcg(one.found[stage], one.relevant) for one, best in zip(asked, whole, strict=True)])
        better, worse = int((gains > ALIKE).sum()), int((gains < -ALIKE).sum())
        made.append(
            Comparison(
                stage=stage,
                better=better,
                same=len(asked) - better - worse,
                worse=worse,
                difference=mean(gains.tolist()),
            )
        )
    return made
