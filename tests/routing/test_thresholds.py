"""The threshold is where a router is right as often as it should be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.routing.thresholds import BELIEVED, LEAST_PREDICTIONS, threshold_for
from mdsa_server.vocabulary.routing import Prediction

predictions = st.lists(
    st.builds(Prediction, st.sampled_from([0.1, 0.25, 0.5, 0.75, 0.9]) | st.floats(0, 1), st.booleans()),
    min_size=LEAST_PREDICTIONS,
    max_size=80,
)


def test_it_is_the_lowest_that_keeps_the_precision() -> None:
    given = [Prediction(0.95, right=True)] * 500 + [Prediction(0.8, right=True), Prediction(0.5, right=False)] * 100
    assert threshold_for(given, 0.98) == 0.8
    assert threshold_for(given, 0.8) == 0.5


def test_a_few_predictions_that_came_out_badly_do_not_undo_what_confidences_promise() -> None:
    given = [Prediction(0.9, right=True)] * 27 + [Prediction(0.9, right=False)] * 3
    assert threshold_for(given, 0.89) == 0.9
    worse = [*given, Prediction(0.89, right=False)]
    assert threshold_for(worse, 0.88) == 0.89
    assert threshold_for(worse * 100, 0.88) == 0.9


def test_a_few_predictions_tell_nothing() -> None:
    assert threshold_for([Prediction(0.9, right=True)] * (LEAST_PREDICTIONS - 1), 0.9) is None


def test_a_router_that_is_wrong_when_it_is_surest_is_never_believed() -> None:
    given = [Prediction(0.8, right=False)] + [Prediction(0.5, right=True)] * 30
    threshold = threshold_for([*given, *[Prediction(0.8, right=False)] * 60], 0.9)
    assert threshold == pytest.approx(0.9)


@given(predictions, st.floats(0.05, 0.95))
def test_those_that_reach_it_are_right_often_enough_and_no_lower_threshold_would_do(
    given: list[Prediction], target: float
) -> None:
    threshold = threshold_for(given, target)
    assert threshold is not None

    def precision(least: float) -> float:
        chosen = [prediction for prediction in given if prediction.confidence >= least]
        if not chosen:
            return 1.0
        promised = sum(prediction.confidence for prediction in chosen) / len(chosen)
        right = sum(prediction.right for prediction in chosen)
        return (right + BELIEVED * promised) / (len(chosen) + BELIEVED)

    # Above a confidence of 1 there is none, so one that was wrong there cannot be kept out.
    assert precision(threshold) >= target - 1e-9 or threshold == 1.0
    for lower in {prediction.confidence for prediction in given if prediction.confidence < threshold}:
        assert precision(lower) < target + 1e-9
