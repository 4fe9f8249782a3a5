"""How often somebody may do something, whatever they do and however the clock goes."""

from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.web.rates import MINUTE, MOST_REMEMBERED, Rates


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_so_many_may_pass_at_once_and_then_one_at_a_time() -> None:
    clock = Clock()
    rates = Rates(clock)
    assert [rates.wait("me", 3) for _ in range(3)] == [0, 0, 0]
    assert rates.wait("me", 3) == MINUTE / 3
    assert rates.wait("you", 3) == 0
    clock.now += MINUTE / 3
    assert rates.wait("me", 3) == 0
    assert rates.wait("me", 3) > 0


def test_what_was_used_is_owed() -> None:
    clock = Clock()
    rates = Rates(clock)
    rates.owe("me", 60, 120)
    assert rates.wait("me", 60) > MINUTE
    clock.now += 61.5
    assert rates.wait("me", 60) == 0


def test_what_is_put_back_is_there_again_and_no_more_than_fills_the_bucket() -> None:
    rates = Rates(Clock())
    assert rates.wait("me", 60, 50) == 0
    assert rates.wait("me", 60, 50) > 0
    rates.owe("me", 60, -40)
    assert rates.wait("me", 60, 50) == 0
    rates.owe("me", 60, -1000)
    assert rates.wait("me", 60, 60) == 0
    assert rates.wait("me", 60) > 0


STEPS = st.lists(st.tuples(st.floats(0, 30), st.floats(0.1, 5)), min_size=1, max_size=60)


@given(STEPS, st.floats(min_value=1, max_value=50))
def test_no_more_passes_than_a_full_bucket_and_what_fills_it(
    steps: list[tuple[float, float]], per_minute: float
) -> None:
    clock = Clock()
    rates = Rates(clock)
    passed, began = 0.0, clock.now
    for pause, cost in steps:
        clock.now += pause
        if rates.wait("me", per_minute, cost) == 0:
            passed += min(cost, per_minute)
        assert passed <= per_minute + (clock.now - began) * per_minute / MINUTE + 1e-6


@given(st.floats(min_value=0.5, max_value=100), st.integers(1, 200))
def test_who_waits_as_long_as_is_said_may_pass(per_minute: float, tries: int) -> None:
    clock = Clock()
    rates = Rates(clock)
    for _ in range(tries):
        if wait := rates.wait("me", per_minute):
            clock.now += wait + 1e-6
            assert rates.wait("me", per_minute) == 0
            return


def test_a_clock_that_goes_back_fills_no_bucket() -> None:
    clock = Clock()
    rates = Rates(clock)
    for _ in range(3):
        rates.wait("me", 3)
    clock.now -= 500
    assert rates.wait("me", 3) > 0


def test_those_seen_longest_ago_are_forgotten() -> None:
    rates = Rates(Clock())
    for number in range(MOST_REMEMBERED + 1):
        rates.wait(str(number), 1)
    assert rates.wait("0", 1) == 0
    assert rates.wait(str(MOST_REMEMBERED), 1) > 0
