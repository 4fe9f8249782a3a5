"""All that is measured of routing on labelled messages, put together; pure.

All shares are fractions, all times seconds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from mdsa_server.evaluation.routes import (
    Bin,
    Confusion,
    Judged,
    calibration,
    columns_of,
    confusion,
    measures,
    risk_coverage,
    share,
    wilson,
)

SCORE_BINS = 20


class DomainReport(Struct, frozen=True):
    """One domain's share in it; a share of nothing is None."""

    domain: str
    messages: int
    precision: float | None
    """Of the in-scope messages for which it is the surest candidate, those that are its own."""
    recall: float | None
    """Of its own messages, those for which it is the surest candidate."""
    decided_precision: float | None
    """Of all messages that it answers, those that are its own."""
    decided_recall: float | None
    """Of its own messages, those that it answers."""


class Decisions(Struct, frozen=True):
    """What was decided in the end, under thresholds and fallback."""

    accuracy: float | None
    """Of all messages: in scope, their domain answers; out of scope, the fallback does."""
    in_scope: float | None
    out_of_scope: float | None
    fallback: float | None
    """The share of in-scope messages that nobody was sure of."""
    asked: float | None
    """The share of all messages at which the user is asked between two domains."""


class Spread(Struct, frozen=True):
    """Seconds."""

    median: float
    p95: float


class RouteReport(Struct, frozen=True, kw_only=True):
    """All that was measured."""

    accuracy: float | None
    auroc: float | None
    fpr95: float | None
    ece: float | None
    accuracy_interval: tuple[float, float] | None
    """95 %, Wilson."""
    in_scope: int
    out_of_scope: int
    decisions: Decisions
    domains: tuple[DomainReport, ...]
    confusion: Confusion
    """By the surest candidate."""
    decided_confusion: Confusion
    calibration: tuple[Bin, ...]
    risk_coverage: tuple[tuple[float, float], ...]
    """(coverage, risk): of the surest so many, how many are wrong."""
    aurc: float
    """The area under that curve."""
    scores: tuple[tuple[int, int], ...]
    """A histogram of the scores of scope from 0 to 1: how many in scope, how many out of scope."""
    embedding: Spread
    scoring: Spread


def report(judged: Sequence[Judged], names: Sequence[str]) -> RouteReport:
    """Measure at least one message; `names` are the domains that were taught, in the order to show them."""
    columns = columns_of(judged)
    inside, outside = [one for one in judged if one.domain is not None], [one for one in judged if one.domain is None]
    told = measures(columns)
    curve, area = risk_coverage(columns.confidences, columns.right)
    edges = np.linspace(0.0, 1.0, SCORE_BINS + 1)
    histograms = (np.histogram(columns.scores[flags], edges)[0] for flags in (columns.within, ~columns.within))
    return RouteReport(
        accuracy=told.accuracy,
        auroc=told.auroc,
        fpr95=told.fpr95,
        ece=told.ece,
        accuracy_interval=wilson(sum(one.right for one in inside), len(inside)) if inside else None,
        in_scope=len(inside),
        out_of_scope=len(outside),
        decisions=Decisions(
            accuracy=share([one.decided_right for one in judged]),
            in_scope=share([one.decided_right for one in inside]),
            out_of_scope=share([one.decided_right for one in outside]),
            fallback=share([one.fallback for one in inside]),
            asked=share([one.decided is None for one in judged]),
        ),
        domains=tuple(_domain_report(name, inside, judged) for name in names),
        confusion=confusion([(one.domain, one.surest) for one in judged], names),
        decided_confusion=confusion([(one.domain, one.decided) for one in judged], names),
        calibration=calibration(columns.confidences, columns.right),
        risk_coverage=curve,
        aurc=area,
        scores=tuple((int(within), int(without)) for within, without in zip(*histograms, strict=True)),
        embedding=_spread([one.embedding_seconds for one in judged]),
        scoring=_spread([one.scoring_seconds for one in judged]),
    )


def _domain_report(name: str, inside: Sequence[Judged], judged: Sequence[Judged]) -> DomainReport:
    own = [one for one in inside if one.domain == name]
    return DomainReport(
        domain=name,
        messages=len(own),
        precision=share([one.right for one in inside if one.surest == name]),
        recall=share([one.right for one in own]),
        decided_precision=share([one.domain == name for one in judged if one.decided == name]),
        decided_recall=share([one.decided_right for one in own]),
    )


def _spread(seconds: Sequence[float]) -> Spread:
    return Spread(float(np.median(seconds)), float(np.quantile(seconds, 0.95)))
