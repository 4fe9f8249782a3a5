"""Charts lie where their values are, have round ticks in local time, and say what will be seen where nothing is yet."""

import re
import time
from collections.abc import Iterator
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.monitor.histogram import Histogram
from mdsa_server.monitor.history import RESOLUTIONS, History, Window
from mdsa_server.monitor.statistics import Samples, Statistics
from mdsa_server.web.charts import BOTTOM, LEFT, RIGHT, TOP, Chart, charts
from mdsa_server.web.time_axis import moments, step_up

NOON = 1_767_268_800.0


def drawn(*counted: tuple[float, Statistics], window: Window = "15m") -> dict[str, Chart]:
    """Draw what was counted so many seconds before noon."""
    history = History()
    for before, statistics in counted:
        history.add(statistics, NOON - before)
    return {chart.name: chart for chart in charts(history.spans(window, NOON), window)}


def answered(*seconds: float) -> Statistics:
    latency = Histogram()
    for span in seconds:
        latency = latency.merged(Histogram.of(span))
    return Statistics(answered=len(seconds), latency=latency)


def test_where_nothing_happened_a_chart_says_what_will_be_seen() -> None:
    for window in RESOLUTIONS:
        for chart in drawn(window=window).values():
            assert chart.empty.endswith("."), chart.name
    shown = drawn((0, Statistics(answered=1, processor=Samples.of(0.5))))
    assert {name for name, chart in shown.items() if not chart.empty} == {"turns", "processor"}


def test_turns_are_stacked_by_how_they_ended() -> None:
    turns = drawn((60, Statistics(answered=3, failed=1)), (0, Statistics(answered=1, cancelled=2)))["turns"]
    assert [(trace.name, trace.now) for trace in turns.traces] == [("answered", "4"), ("failed", "1"), ("stopped", "2")]
    assert turns.label == "Turns in the last 15 minutes: 4 answered, 1 failed, 2 stopped."
    (left, low, high) = map(float, re.findall(r"[\d.]+", turns.traces[1].path)[:3])
    assert LEFT < left < RIGHT
    # One more on the three answered, of four in all: the axis ends there.
    assert [low, high] == pytest.approx([BOTTOM - 3 / 4 * (BOTTOM - TOP), TOP], abs=0.1)


def test_a_line_is_broken_where_nothing_is_known() -> None:
    latency = drawn((100, answered(1.0)), (90, answered(2.0)), (0, answered(4.0)))["latency"]
    for trace in latency.traces:
        assert (trace.path.count("M"), trace.path.count("L"), trace.path.count("h")) == (2, 1, 3)
    assert "4" in latency.traces[1].now
    assert latency.label.startswith("Time to answer in the last 15 minutes: p95")


@given(
    seconds=st.lists(st.floats(0.0005, 3_000), min_size=1, max_size=5),
    load=st.floats(0, 1),
    bytes_=st.floats(0, 1e12),
    window=st.sampled_from(sorted(RESOLUTIONS)),
)
def test_whatever_is_drawn_lies_within_the_axes(
    seconds: list[float], load: float, bytes_: float, window: Window
) -> None:
    memory, processor = Samples.of(bytes_), Samples.of(load)
    counted = Statistics(memory=memory, processor=processor)
    for chart in drawn((0, answered(*seconds)), (0, counted), window=window).values():
        for trace in chart.traces:
            for place in re.findall(r"[ML]([\d.-]+) ([\d.-]+)", trace.path):
                across, up = map(float, place)
                assert LEFT <= across <= RIGHT
                assert TOP - 0.1 <= up <= BOTTOM + 0.1
        assert all(LEFT <= mark.at <= RIGHT for mark in chart.across)


@given(most=st.floats(1e-6, 1e12))
def test_steps_are_round_and_reach_the_most_without_much_to_spare(most: float) -> None:
    step = step_up(most)
    assert 4 * step >= most * (1 - 1e-6)
    assert 4 * step <= most * 2.6
    assert float(f"{step:.0e}") in (pytest.approx(step), pytest.approx(step * 0.8), pytest.approx(step * 1.2))
    assert step_up(most, whole=True) >= 1
    assert step_up(most, whole=True).is_integer()


@pytest.fixture(params=["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if not hasattr(time, "tzset"):
        pytest.skip("the zone of a running process cannot be changed here")
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("window", "begins", "labels"),
    [
        ("15m", datetime(2026, 1, 5, 11, 52, 30), ["11:55", "12:00", "12:05"]),
        ("24h", datetime(2026, 1, 5, 11, 52, 30), ["12:00", "18:00", "00:00", "06:00"]),
        ("30d", datetime(2026, 1, 6, 1, 0), ["12 Jan", "19 Jan", "26 Jan", "2 Feb"]),
        # On this day clocks are put forward in Berlin, and not elsewhere.
        ("24h", datetime(2026, 3, 28, 23, 0), ["00:00", "06:00", "12:00", "18:00"]),
    ],
)
def test_ticks_are_at_round_moments_of_the_local_clock(
    zone: str, window: Window, begins: datetime, labels: list[str]
) -> None:
    length = RESOLUTIONS[window].step * RESOLUTIONS[window].kept
    ticks = moments(window, begins.timestamp(), begins.timestamp() + length - 3_700 * (window == "24h"))
    assert [text for _, text in ticks] == labels
    assert all(datetime.fromtimestamp(moment).strftime("%H:%M") == text for moment, text in ticks if window != "30d")
