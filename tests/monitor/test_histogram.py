"""Percentiles of a histogram are near those of what was counted, and merging counts loses none."""

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.monitor.histogram import BOUNDARIES, Histogram

SPANS = st.lists(st.floats(0.001, 1000.0), min_size=1, max_size=60)


def of(spans: list[float]) -> Histogram:
    histogram = Histogram()
    for span in spans:
        histogram = histogram.merged(Histogram.of(span))
    return histogram


@given(spans=SPANS, share=st.sampled_from([0.01, 0.5, 0.95, 0.99, 1.0]))
def test_a_percentile_is_within_ten_percent_of_the_span_that_it_stands_for(spans: list[float], share: float) -> None:
    exact = sorted(spans)[ceil(share * len(spans) - 1e-9) - 1]
    assert exact / 1.101 < of(spans).percentile(share) < exact * 1.101


@given(one=SPANS, other=SPANS)
def test_merging_is_as_if_all_had_been_counted_in_one_place(one: list[float], other: list[float]) -> None:
    merged, whole = of(one).merged(of(other)), of([*one, *other])
    assert merged.counts == whole.counts
    assert merged.seconds == pytest.approx(whole.seconds)
    assert len(merged) == len(one) + len(other)


def test_spans_beyond_both_ends_count_at_the_ends() -> None:
    assert of([0.0, 1e-9]).percentile(0.5) == 0.001
    assert of([5_000.0, 1e9]).percentile(0.5) == BOUNDARIES[-1] == 1_000.0


def test_the_coarse_boundaries_tell_how_many_do_not_exceed_them() -> None:
    told = of([0.0005, 0.05, 0.5, 5.0, 5_000.0]).at_most()
    assert [round(boundary, 4) for boundary, _ in told[:4]] == [0.001, 0.0022, 0.0046, 0.01]
    assert dict(told)[1.0] == 3
    assert [count for _, count in told] == sorted(count for _, count in told)
    assert told[-1] == (1_000.0, 4), "what exceeds the last boundary is below none"


def test_without_spans_there_are_no_percentiles() -> None:
    assert Histogram().percentiles() is None
    with pytest.raises(ValueError, match="without spans"):
        Histogram().percentile(0.5)
