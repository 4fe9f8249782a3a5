"""Routing measured now beside routing measured before, on the same messages.

Both have judged the same messages, so they are compared message by message: a paired bootstrap (Efron and Tibshirani,
An Introduction to the Bootstrap, 1993, chapter 13; by messages, as Koehn, Statistical Significance Tests for Machine
Translation Evaluation, 2004). It draws as many messages as there are, with replacement, takes each measure of both on
what was drawn, and so tells within what bounds their difference lies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from mdsa_server.evaluation.labelled import Labelled
from mdsa_server.evaluation.routes import Judged, columns_of, measures

DRAWS = 1000
# A difference that is less than this matters to nobody, however certain it is.
MARGIN = 0.005
HIGHER_IS_BETTER = {"accuracy": True, "auroc": True, "fpr95": False, "ece": False}


class Baseline(Struct, frozen=True):
    """What `--save` keeps: every message with what became of it, and the measures for people who open the file."""

    accuracy: float | None
    auroc: float | None
    fpr95: float | None
    ece: float | None
    messages: tuple[Judged, ...]
    version: int = 1

    @classmethod
    def of(cls, judged: Sequence[Judged]) -> Baseline:
        told = measures(columns_of(judged))
        return cls(told.accuracy, told.auroc, told.fpr95, told.ece, tuple(judged))


class Change(Struct, frozen=True):
    """One measure then and now."""

    measure: str
    before: float
    now: float
    interval: tuple[float, float]
    """In which now - before lies, 95 %."""
    worse: bool
    """By more than the margin, and by more than chance explains: the whole interval lies on the worse side of 0."""


def same_messages(before: Sequence[Judged | Labelled], now: Sequence[Judged | Labelled]) -> bool:
    """Tell whether both are of the same texts with the same labels, in any order."""
    return Counter(map(_label, before)) == Counter(map(_label, now))


def compare(before: Sequence[Judged], now: Sequence[Judged], margin: float = MARGIN) -> list[Change]:
    """Compare each measure that both have; the messages are the same, at least one."""
    old, new = (columns_of(sorted(judged, key=_order)) for judged in (before, now))
    generator = np.random.default_rng(0)
    then, today = measures(old), measures(new)
    drawn: dict[str, list[float]] = {name: [] for name in HIGHER_IS_BETTER}
    for _ in range(DRAWS):
        rows = generator.integers(0, len(old.right), len(old.right))
        one, other = measures(old.only(rows)), measures(new.only(rows))
        for name, differences in drawn.items():
            first, second = getattr(one, name), getattr(other, name)
            if first is not None and second is not None:  # A draw may lack messages out of scope.
                differences.append(second - first)
    changes = []
    for name, better_up in HIGHER_IS_BETTER.items():
        first, second = getattr(then, name), getattr(today, name)
        if first is None or second is None:
            continue
        low, high = (float(bound) for bound in np.quantile(drawn[name], (0.025, 0.975)))
        fallen = first - second if better_up else second - first
        certain = high < 0 if better_up else low > 0
        changes.append(Change(name, first, second, (low, high), worse=fallen > margin and certain))
    return changes


def _label(judged: Judged | Labelled) -> tuple[str, str | None]:
    return judged.text, judged.domain


def _order(judged: Judged) -> tuple[str, str]:
    return judged.text, judged.domain or ""
