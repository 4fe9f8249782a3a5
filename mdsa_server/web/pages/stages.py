"""The stages of a search as people read them: what each one says, and how far its score reaches."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from mdsa_server.vocabulary.passages import Passage


class Stage(NamedTuple):
    name: str
    says: str
    whole: float | None = None
    """The greatest score there can be; None where only those of one search can be compared."""


STAGES = {
    stage.name: stage
    for stage in (
        Stage("bm25", "How well the words of the search fit the passage: rare words count more than common ones."),
        Stage("cosine", "How near the passage is in meaning, whatever its words. 1 is the same.", 1.0),
        Stage(
            "feedback",
            "The same, after the search was moved a little towards the best of what was found at first.",
            1.0,
        ),
        Stage("fusion", "The places in both lists, by words and by meaning, made into one."),
        Stage("words", "How much of the search stands in the passage word for word. 1 is all.", 1.0),
        Stage("rerank", "What the reranker made of the search and the passage, read together. It has the last say."),
    )
}
"""By the names that the API and the terminal have for them, which the page shows too."""


class Score(NamedTuple):
    """The score of one stage, as it is shown."""

    stage: Stage
    value: float
    share: float
    """Of the greatest there can be, or that this search found, from 0 to 1."""


def scores_shown(passage: Passage, found: Sequence[Passage]) -> list[Score]:
    """Give a passage's scores, in the order of the stages, beside those of all that were found."""
    return [
        Score(
            stage,
            passage.scores[name],
            _share(passage.scores[name], stage.whole, [one.scores.get(name) for one in found]),
        )
        for name, stage in STAGES.items()
        if name in passage.scores
    ]


def _share(score: float, whole: float | None, others: Sequence[float | None]) -> float:
    scores = [other for other in others if other is not None]
    least, most = (0.0, whole) if whole is not None else (min(0.0, *scores), max(0.0, *scores))
    share = (score - least) / (most - least) if most > least else 0.0
    return min(max(share, 0.0), 1.0) if math.isfinite(share) else 0.0
