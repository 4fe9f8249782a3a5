"""The measures of routing agree with scikit-learn's and with what is worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from mdsa_server.evaluation.route_report import report
from mdsa_server.evaluation.routes import (
    Flags,
    Judged,
    Numbers,
    auroc,
    calibration,
    calibration_error,
    confusion,
    false_positive_rate,
    risk_coverage,
    wilson,
)

# Few values, so that there are many ties.
SCORED = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.2, 0.5, 0.50001, 0.9, 1.0]), st.booleans()), min_size=2)
OF_BOTH_KINDS = SCORED.filter(lambda scored: len({positive for _, positive in scored}) == 2)
SURE = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1)


def arrays(pairs: list[tuple[float, bool]]) -> tuple[Numbers, Flags]:
    return np.array([number for number, _ in pairs], np.float64), np.array([flag for _, flag in pairs], bool)


def one(domain: str | None, surest: str | None, confidence: float = 0.9, **more: object) -> Judged:
    facts = {"text": "hello", "out_of_scope": 1 - confidence, "decided": surest} | more
    return Judged(domain=domain, surest=surest, confidence=confidence, **facts)  # type: ignore[arg-type]  # of `more`


# --- intervals


def test_an_interval_of_a_share_is_as_published() -> None:
    """81 of 263: Newcombe, Two-sided confidence intervals for the single proportion, 1998, table I, method 3."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


@given(st.integers(1, 10_000), st.data())
def test_an_interval_holds_the_share_and_mirrors_the_opposite_ones(number: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, number))
    low, high = wilson(right, number)
    assert 0 <= low <= right / number + 1e-9
    assert right / number - 1e-9 <= high <= 1
    assert wilson(number - right, number) == pytest.approx((1 - high, 1 - low))


# --- in scope or out


@given(OF_BOTH_KINDS)
def test_auroc_is_that_of_scikit_learn_with_ties(scored: list[tuple[float, bool]]) -> None:
    scores, positive = arrays(scored)
    assert auroc(scores, positive) == pytest.approx(roc_auc_score(positive, scores))


@given(OF_BOTH_KINDS)
def test_false_positives_are_those_where_scikit_learns_curve_first_reaches_the_recall(
    scored: list[tuple[float, bool]],
) -> None:
    scores, positive = arrays(scored)
    false_positives, recalls, _ = roc_curve(positive, scores, drop_intermediate=False)
    expected = false_positives[np.flatnonzero(recalls >= 0.95 - 1e-9)[0]]
    assert false_positive_rate(scores, positive) == pytest.approx(expected)


def test_false_positives_where_a_twentieth_of_those_in_scope_may_be_lost() -> None:
    within = [(0.1, True)] + [(0.6, True)] * 19
    assert false_positive_rate(*arrays([*within, (0.6, False), (0.2, False)])) == 0.5
    assert false_positive_rate(*arrays([*within, (0.1, True), (0.6, False), (0.2, False)])) == 1.0


def test_without_messages_of_both_kinds_nothing_is_told() -> None:
    assert auroc(*arrays([(0.5, True)])) is None
    assert false_positive_rate(*arrays([(0.5, False)])) is None


# --- calibration


def test_calibration_error_weighs_each_bin_by_its_messages() -> None:
    confidences, right = arrays([(0.95, True), (0.95, True), (0.95, False), (0.3, False)])
    bins = calibration(confidences, right)
    assert [(round(one.low * 15), one.messages) for one in bins if one.messages] == [(4, 1), (14, 3)]
    assert calibration_error(bins) == pytest.approx(3 / 4 * (0.95 - 2 / 3) + 1 / 4 * 0.3)


def test_an_edge_belongs_to_the_bin_below_and_nought_to_the_first() -> None:
    bins = calibration(*arrays([(0.0, False), (0.5, True), (1.0, True)]), bins=2)
    assert [one.messages for one in bins] == [2, 1]


@given(SURE)
def test_calibration_counts_each_message_once_and_errs_by_at_most_one(sure: list[tuple[float, bool]]) -> None:
    confidences, right = arrays(sure)
    bins = calibration(confidences, right)
    assert sum(one.messages for one in bins) == len(sure)
    assert all(one.low - 1e-9 <= (one.confidence or 0) <= one.high + 1e-9 for one in bins if one.messages)
    least = abs(confidences.mean() - right.mean())
    assert least - 1e-9 <= calibration_error(bins) <= 1.0


# --- risk and coverage


def test_risk_is_that_of_the_surest_so_many() -> None:
    curve, area = risk_coverage(*arrays([(0.2, False), (0.9, True), (0.8, False), (0.5, True)]))
    assert [covered for covered, _ in curve] == [0.25, 0.5, 0.75, 1.0]
    assert [risk for _, risk in curve] == pytest.approx([0.0, 1 / 2, 1 / 3, 1 / 2])
    assert area == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)


@given(SURE)
def test_risk_ends_at_the_share_wrong_whatever_order_ties_come_in(sure: list[tuple[float, bool]]) -> None:
    curve, area = risk_coverage(*arrays(sure))
    assert curve[-1] == pytest.approx((1.0, 1 - sum(right for _, right in sure) / len(sure)))
    assert [covered for covered, _ in curve] == sorted({covered for covered, _ in curve})
    backwards, same_area = risk_coverage(*arrays(sure[::-1]))
    assert backwards == curve
    assert same_area == pytest.approx(area)
    assert 0 <= area <= 1


def test_a_curve_of_many_messages_has_no_more_points_than_a_plot_shows() -> None:
    generator = np.random.default_rng(0)
    curve, _ = risk_coverage(generator.random(5000), generator.random(5000) < 0.5)
    assert len(curve) <= 200
    assert curve[-1][0] == 1.0


# --- all together


def test_who_went_where_is_counted_with_what_was_not_taught_and_with_nobody() -> None:
    counted = confusion([("b", "b"), ("b", "a"), (None, "general"), ("a", None)], ["b", "a"])
    assert counted.rows == ("b", "a", None)
    assert counted.columns == ("b", "a", "general", None)
    assert counted.counts == ((1, 1, 0, 0), (0, 0, 0, 1), (0, 0, 1, 0))


def test_a_report_tells_candidates_and_decisions_apart() -> None:
    told = report(
        [
            one("a", "a"),
            one("a", "a", 0.4, decided="general", fallback=True),
            one("b", "a", 0.6, decided=None),
            one("b", "b"),
            one(None, "b", 0.3, decided="general", fallback=True),
            one(None, "a", 0.7),
        ],
        ["a", "b"],
    )
    assert (told.accuracy, told.in_scope, told.out_of_scope) == (0.75, 4, 2)
    assert told.accuracy_interval == pytest.approx(wilson(3, 4))
    assert told.auroc == 0.75
    assert told.fpr95 == 0.5
    decided = told.decisions
    assert (decided.accuracy, decided.in_scope, decided.out_of_scope, decided.fallback) == (0.5, 0.5, 0.5, 0.25)
    assert decided.asked == pytest.approx(1 / 6)
    a, b = told.domains
    assert a.precision == pytest.approx(2 / 3)
    assert (a.recall, a.decided_precision, a.decided_recall) == (1.0, 0.5, 0.5)
    assert (b.precision, b.recall, b.decided_precision, b.decided_recall) == (1.0, 0.5, 1.0, 0.5)
    assert sum(within for within, _ in told.scores) == 4
    assert sum(without for _, without in told.scores) == 2


def test_an_out_of_scope_message_is_never_right() -> None:
    told = report([one(None, "a", 0.8), one(None, None, 0.0)], ["a"])
    assert told.accuracy is None
    assert told.accuracy_interval is None
    assert told.ece == pytest.approx(0.4)
    assert told.risk_coverage[-1] == (1.0, 1.0)
