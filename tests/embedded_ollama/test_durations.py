"""`keep_alive` is read as Go reads durations."""

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.embedded_ollama.durations import BadDuration, keep_alive_seconds, nanoseconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (300, 300),
        (0.5, 0.5),
        (0, 0),
        ("0", 0),
        ("5m", 300),
        ("1h30m", 5400),
        ("1h15m30.918273645s", 4530.918273645),
        ("250ms", 0.25),
        ("+2s", 2),
        (".5s", 0.5),
        (10**400, 1e12),
        ("7µs", 7e-6),
        ("3ns", 3e-9),
        (-1, math.inf),
        ("-1s", math.inf),
        ("-1h30m", math.inf),
    ],
)
def test_a_duration_is_read(value: object, seconds: float) -> None:
    assert keep_alive_seconds(value) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("soon", 'time: invalid duration "soon"'),
        ("", 'time: invalid duration ""'),
        ("5", 'time: missing unit in duration "5"'),
        ("5m ", 'time: invalid duration "5m "'),
        ("5 m", 'time: invalid duration "5 m"'),
        ("m5", 'time: invalid duration "m5"'),
        ("1d", 'time: invalid duration "1d"'),
        ([], "Unsupported type"),
        (True, "Unsupported type"),
    ],
)
def test_what_is_no_duration_is_refused_in_the_engines_words(value: object, words: str) -> None:
    with pytest.raises(BadDuration) as caught:
        keep_alive_seconds(value)
    assert str(caught.value).startswith(words)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_the_parts_of_a_duration_add_up(hours: int, minutes: int, seconds: int, milliseconds: int) -> None:
    text = f"{hours}h{minutes}m{seconds}s{milliseconds}ms"
    assert keep_alive_seconds(text) == pytest.approx(hours * 3600 + minutes * 60 + seconds + milliseconds / 1000)


@given(st.text())
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    with suppress(BadDuration):
        assert keep_alive_seconds(text) >= 0


def test_seconds_become_whole_nanoseconds() -> None:
    assert nanoseconds(1.5e-3) == 1_500_000
