"""The history is a fold: nothing is lost or counted twice, and it stays small whatever the clock does."""

from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.monitor.history import RESOLUTIONS, History, over
from mdsa_server.monitor.statistics import NOTHING, Statistics, merged
from tests.monitor.counted import STATISTICS

NOON = 1_767_268_800.0
STEPS = {resolution.step: resolution.kept for resolution in RESOLUTIONS.values()}
# Seconds from one count to the next, mostly onward, as a clock that is set may jump.
MOVES = st.one_of(st.floats(0, 700), st.floats(-90_000, 90_000), st.floats(-1e9, 1e9))


class Store:
    """What a store would hold, after the rules by which one is brought up to date."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, int], Statistics] = {}

    def take(self, history: History) -> None:
        for change in history.take_changes():
            self.rows |= {(change.step, start): statistics for start, statistics in change.spans.items()}
            self.rows = {
                (step, start): row
                for (step, start), row in self.rows.items()
                if step != change.step or change.oldest <= start <= change.newest
            }

    def stored(self) -> list[tuple[int, int, Statistics]]:
        return [(step, start, row) for (step, start), row in self.rows.items()]


@given(counted=st.lists(st.tuples(STATISTICS, st.floats(0, 8)), max_size=20), restarts=st.sets(st.integers(0, 19)))
def test_every_resolution_has_counted_everything_once_across_flushes_and_restarts(
    counted: list[tuple[Statistics, float]], restarts: set[int]
) -> None:
    history, store, now, everything = History(), Store(), NOON, NOTHING
    for number, (statistics, seconds) in enumerate(counted):
        now += seconds
        history.add(statistics, now)
        everything = merged(everything, statistics)
        store.take(history)
        if number in restarts:
            history = History(store.stored())
    for window in RESOLUTIONS:
        assert over(history.spans(window, now)) == everything
        step = RESOLUTIONS[window].step
        kept = NOTHING
        for (of, _), row in store.rows.items():
            kept = merged(kept, row) if of == step else kept
        assert kept == everything


@given(moves=st.lists(MOVES, max_size=12), restarts=st.sets(st.integers(0, 11)))
def test_rows_stay_few_whatever_the_clock_does(moves: list[float], restarts: set[int]) -> None:
    history, store, now = History(), Store(), NOON
    for number, move in enumerate(moves):
        now += move
        for second in range(0, 1_000, 10):
            history.add(Statistics(started=1), now + second)
        store.take(history)
        if number in restarts:
            history = History(store.stored())
        for step, kept in STEPS.items():
            assert sum(of == step for of, _ in store.rows) <= kept
        assert over(history.spans("15m", now + 999)).started > 0, "the present is always shown"


def test_a_clock_that_is_set_back_loses_nothing() -> None:
    history = History()
    history.add(Statistics(started=2), NOON + 300)
    history.add(Statistics(started=1), NOON)
    assert over(history.spans("15m", NOON)).started == 3
    assert over(history.spans("30d", NOON)).started == 3


def test_what_is_too_old_for_a_window_is_still_in_the_longer_ones() -> None:
    history = History()
    history.add(Statistics(started=1), NOON)
    history.add(Statistics(started=1), NOON + 3_600)
    shown = {window: over(history.spans(window, NOON + 3_600)).started for window in RESOLUTIONS}
    assert shown == {"15m": 1, "24h": 2, "30d": 2}


def test_a_window_has_a_span_for_each_step_and_ends_now() -> None:
    starts = [start for start, _ in History().spans("15m", NOON + 3)]
    assert (len(starts), starts[-1], starts[1] - starts[0]) == (90, NOON, 10)


def test_what_could_not_be_stored_is_given_again_with_what_came_since() -> None:
    history, store = History(), Store()
    history.add(Statistics(started=1), NOON)
    history.not_stored(history.take_changes())
    history.add(Statistics(started=1), NOON)
    store.take(history)
    assert [row.started for row in store.rows.values()] == [2, 2, 2]
    assert history.take_changes() == []
