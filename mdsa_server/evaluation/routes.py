"""How good routing is, measured on labelled messages; pure.

All shares are fractions, all times seconds. An out-of-scope message belongs to no domain: naming one for it is never
right. The score of scope is 1 - out_of_scope, so that the greater, the likelier a domain fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

BINS = 15
# The two-sided 95 % point of the normal distribution.
Z95 = 1.959963984540054
RECALL = 0.95
# As many points of a curve as a plot can show.
CURVE_POINTS = 200


class Judged(Struct, frozen=True, kw_only=True):
    """A labelled message, and what became of it."""

    text: str
    domain: str | None
    """Where it belongs; None where it is out of scope."""
    surest: str | None
    """The likeliest domain, before thresholds and fallback; None where no router named any."""
    confidence: float
    """In `surest`, 0 to 1."""
    out_of_scope: float
    """How likely it seemed that no domain fits, 0 to 1."""
    decided: str | None
    """The domain that answers; None where the user is asked between two."""
    fallback: bool = False
    """Whether `decided` answers because nobody was sure."""
    embedding_seconds: float = 0.0
    scoring_seconds: float = 0.0
    """What deciding took beyond the embedding."""

    @property
    def right(self) -> bool:
        return self.domain is not None and self.surest == self.domain

    @property
    def decided_right(self) -> bool:
        """Whether its domain answers; for one out of scope, whether the fallback does."""
        return self.fallback if self.domain is None else self.decided == self.domain


class Measures(Struct, frozen=True):
    """The four that tell most; None where there are no messages to tell it from."""

    accuracy: float | None
    auroc: float | None
    fpr95: float | None
    ece: float | None


class Bin(Struct, frozen=True):
    """The messages of one range of confidence."""

    low: float
    high: float
    messages: int
    confidence: float | None
    """The mean; None where there are no messages."""
    right: float | None
    """The share of them that are right."""


class Confusion(Struct, frozen=True):
    """How many messages of each domain (row) went to each domain (column)."""

    rows: tuple[str | None, ...]
    """None is out of scope."""
    columns: tuple[str | None, ...]
    """None is no domain: none was named, or the user is asked."""
    counts: tuple[tuple[int, ...], ...]


class Columns(NamedTuple):
    """Judged messages as arrays, each of shape (messages,)."""

    within: Flags
    """Whether it is in scope."""
    right: Flags
    confidences: Numbers
    scores: Numbers
    """Of scope."""

    def only(self, rows: NDArray[np.integer]) -> Columns:
        return Columns(self.within[rows], self.right[rows], self.confidences[rows], self.scores[rows])


def columns_of(judged: Sequence[Judged]) -> Columns:
    return Columns(
        np.array([one.domain is not None for one in judged], bool),
        np.array([one.right for one in judged], bool),
        np.array([one.confidence for one in judged], np.float64),
        np.array([1.0 - one.out_of_scope for one in judged], np.float64),
    )


def measures(columns: Columns) -> Measures:
    within, right, confidences, scores = columns
    return Measures(
        accuracy=share(right[within]),
        auroc=auroc(scores, within),
        fpr95=false_positive_rate(scores, within),
        ece=calibration_error(calibration(confidences, right)) if len(right) else None,
    )


def wilson(right: int, number: int, z: float = Z95) -> tuple[float, float]:
    """Give the interval of a share (Wilson, Probable Inference, 1927); `number` is at least 1."""
    share = right / number
    middle = (share + z * z / (2 * number)) / (1 + z * z / number)
    half = z / (1 + z * z / number) * (share * (1 - share) / number + z * z / (4 * number * number)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def auroc(scores: Numbers, positive: Flags) -> float | None:
    """Give how likely a positive scores above a negative, a tie being half; None without both kinds.

    The Mann-Whitney statistic (Hanley and McNeil, The Meaning and Use of the Area under a ROC Curve, 1982).
    """
    above, below = np.sort(scores[positive]), np.sort(scores[~positive])
    if not len(above) or not len(below):
        return None
    lower, not_higher = np.searchsorted(below, above, "left"), np.searchsorted(below, above, "right")
    return float((lower.sum() + not_higher.sum()) / 2 / (len(above) * len(below)))


def false_positive_rate(scores: Numbers, positive: Flags, recall: float = RECALL) -> float | None:
    """Give the share of negatives that score no lower than the threshold which keeps `recall` of the positives."""
    above, below = np.sort(scores[positive])[::-1], scores[~positive]
    if not len(above) or not len(below):
        return None
    # A product such as 0.95 x 20 may lie a trifle above the whole number it means.
    needed = max(1, int(np.ceil(recall * len(above) - 1e-9)))
    return float((below >= above[needed - 1]).mean())


def calibration(confidences: Numbers, right: Flags, bins: int = BINS) -> tuple[Bin, ...]:
    """Sort messages by confidence into bins of equal width; a bin holds its upper edge, the first also 0."""
    edges = np.linspace(0.0, 1.0, bins + 1)
    places = np.digitize(confidences, edges[1:-1], right=True)
    made = []
    for place in range(bins):
        there = places == place
        full = bool(there.any())
        made.append(
            Bin(
                low=float(edges[place]),
                high=float(edges[place + 1]),
                messages=int(there.sum()),
                confidence=float(confidences[there].mean()) if full else None,
                right=float(right[there].mean()) if full else None,
            )
        )
    return tuple(made)


def calibration_error(bins: Sequence[Bin]) -> float:
    """Give the mean distance of confidence and share right, by messages (ECE; Guo et al., 2017)."""
    number = sum(one.messages for one in bins)
    return sum(one.messages * abs((one.confidence or 0.0) - (one.right or 0.0)) for one in bins) / number


def risk_coverage(confidences: Numbers, right: Flags) -> tuple[tuple[tuple[float, float], ...], float]:
    """Give (coverage, risk) points by rising coverage, and the mean risk over all coverages.

    After Geifman and El-Yaniv, Selective Classification for Deep Neural Networks, 2017. Of equal confidences all are
    covered or none. Takes at least one message.
    """
    order = np.argsort(-confidences, kind="stable")
    confidences, right = confidences[order], right[order]
    last = np.flatnonzero(np.append(confidences[1:] < confidences[:-1], True))
    covered = last + 1
    risks = np.cumsum(~right)[last] / covered
    area = float((np.diff(covered, prepend=0) * risks).sum() / len(right))
    shown = np.unique(np.linspace(0, len(last) - 1, CURVE_POINTS).round().astype(int))
    return tuple((float(covered[place] / len(right)), float(risks[place])) for place in shown), area


def confusion(pairs: Sequence[tuple[str | None, str | None]], names: Sequence[str]) -> Confusion:
    """Count (is, went to) pairs; domains come as in `names`, then others that occur, then None where it occurs."""

    def ordered(found: set[str | None]) -> tuple[str | None, ...]:
        others = sorted(name for name in found if name is not None and name not in names)
        return (*names, *others, *([None] if None in found else []))

    rows, columns = ordered({was for was, _ in pairs}), ordered({went for _, went in pairs})
    counts = np.zeros((len(rows), len(columns)), int)
    for was, went in pairs:
        counts[rows.index(was), columns.index(went)] += 1
    return Confusion(rows, columns, tuple(tuple(row) for row in counts.tolist()))


def share(flags: Sequence[bool] | Flags) -> float | None:
    """Give the share of those that are true; None of nothing."""
    return float(np.mean(flags)) if len(flags) else None
