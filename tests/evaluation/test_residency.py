"""Simulated engines keep the time, swap as they would, and are measured against the fewest loads there could be."""

import random
from collections.abc import Sequence
from functools import lru_cache
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.evaluation import residency
from mdsa_server.evaluation.residency import FirstCome, Job, Kept, Outcome, Served, longest_extra_wait, optimum
from mdsa_server.inference.residency import Limits, Swap, Unit, plan

LIMITS = Limits(max_models=2, max_wait=20.0, max_running=9)
LARGER = (("num_ctx", 8192),)
UNITS = [*map(Unit, "abcd"), Unit("a", LARGER), Unit("b", LARGER)]


def jobs_of(models: str, *, seconds: float = 1.0, load: float = 2.0, every: float = 0.0) -> list[Job]:
    """Turns for models of one letter each."""
    return [
        Job(unit=Unit(model), seconds=seconds, load_seconds=load, arrives=every * number)
        for number, model in enumerate(models)
    ]


def made_up(seed: int, turns: int = 600) -> list[Job]:
    """Turns for any of three models, of 20 to 60 tokens at 40 ms."""
    chance = random.Random(seed)
    return [
        Job(unit=Unit(chance.choice("abc")), seconds=0.04 * chance.randint(20, 60), load_seconds=2.0)
        for _ in range(turns)
    ]


def told(outcome: Outcome) -> list[tuple[str, float, float]]:
    """Who was served: the model, when the turn came and when it was admitted."""
    return [(served.job.unit.weights, served.arrived, served.admitted) for served in outcome.served]


def loads(outcome: Outcome) -> list[tuple[float, str]]:
    return [(begun, swap.load.weights) for begun, swap in outcome.swaps]


# --- the clock


@pytest.mark.parametrize("engine", [Kept(jobs_of("aab", every=5.0), LIMITS), FirstCome(jobs_of("aab", every=5.0), 2)])
def test_turns_come_by_the_clock(engine: Kept | FirstCome) -> None:
    outcome = engine.run()
    assert told(outcome) == [("a", 0.0, 2.0), ("a", 5.0, 5.0), ("b", 10.0, 12.0)]
    assert loads(outcome) == [(0.0, "a"), (10.0, "b")]
    assert (outcome.makespan, outcome.load_seconds, outcome.waits) == (13.0, 4.0, [2.0, 0.0, 2.0])


@pytest.mark.parametrize("engine", [Kept(jobs_of("aaa"), LIMITS, 2), FirstCome(jobs_of("aaa"), 2, 2)])
def test_a_client_sends_its_next_turn_when_its_last_has_ended(engine: Kept | FirstCome) -> None:
    assert told(engine.run()) == [("a", 0.0, 2.0), ("a", 0.0, 2.0), ("a", 3.0, 3.0)]


# --- as the keeper does it


@given(
    jobs=st.lists(
        st.builds(
            Job,
            unit=st.sampled_from(UNITS),
            seconds=st.sampled_from((0.5, 2.0, 30.0)),
            load_seconds=st.sampled_from((0.5, 2.0)),
            arrives=st.floats(0, 60),
        )
    ),
    clients=st.none() | st.integers(1, 6),
    places=st.integers(1, 3),
    max_wait=st.sampled_from((1.0, 5.0, 20.0)),
)
def test_every_turn_is_served_and_none_waits_for_the_sake_of_others_longer_than_it_may(
    jobs: list[Job], clients: int | None, places: int, max_wait: float
) -> None:
    outcome = Kept(jobs, Limits(max_models=places, max_wait=max_wait, max_running=99), clients).run()
    assert sorted(map(id, (served.job for served in outcome.served))) == sorted(map(id, jobs))
    assert min(outcome.waits, default=0.0) >= 0
    assert longest_extra_wait(outcome) <= max_wait + 1e-6
    assert len(outcome.swaps) >= optimum(outcome.order, places)


def test_a_pinned_model_is_loaded_once() -> None:
    outcome = Kept(jobs_of("abcabcabc", every=10.0), LIMITS, pinned=frozenset("a")).run()
    assert [model for _, model in loads(outcome)].count("a") == 1


@pytest.mark.parametrize("seed", range(3))
def test_clients_that_share_an_engine_cost_it_far_fewer_swaps_and_much_less_time(seed: int) -> None:
    jobs = made_up(seed)
    kept, alone = Kept(jobs, LIMITS, 6).run(), FirstCome(jobs, 2, 6).run()
    assert len(kept.swaps) <= 0.35 * len(alone.swaps)
    assert kept.makespan <= 0.6 * alone.makespan
    assert len(kept.swaps) <= 1.3 * optimum(kept.order, 2)


def test_however_many_wait_the_policy_is_asked_a_few_times_a_turn() -> None:
    jobs = jobs_of("abc" * 100, seconds=10.0, every=0.1)
    with patch.object(residency, "plan", wraps=plan) as planned:
        Kept(jobs, Limits(max_models=1, max_wait=50.0, max_running=1)).run()
    assert planned.call_count < 4 * len(jobs)


# --- as Ollama does it by itself


def test_a_turn_whose_model_is_not_there_holds_up_all_behind_it_until_a_place_is_free() -> None:
    """The third turn waits for the place of `a`, and the fourth behind it, though its model is in memory and idle."""
    outcome = FirstCome(
        [
            Job(unit=Unit("a"), seconds=10.0, load_seconds=2.0),
            Job(unit=Unit("b"), seconds=10.0, load_seconds=2.0),
            Job(unit=Unit("c"), seconds=1.0, load_seconds=2.0, arrives=5.0),
            Job(unit=Unit("b"), seconds=1.0, load_seconds=2.0, arrives=6.0),
        ],
        places=2,
    ).run()
    assert told(outcome) == [("a", 0.0, 2.0), ("b", 0.0, 4.0), ("b", 6.0, 12.0), ("c", 5.0, 14.0)]


def test_turns_for_models_in_memory_pass_while_another_loads_but_no_second_load() -> None:
    jobs = [*jobs_of("a"), *(Job(unit=Unit(name), seconds=1.0, load_seconds=2.0, arrives=5.0) for name in "bac")]
    assert told(FirstCome(jobs, 3).run()) == [("a", 0.0, 2.0), ("a", 5.0, 5.0), ("b", 5.0, 7.0), ("c", 5.0, 9.0)]


@pytest.mark.parametrize(("running", "goes"), [(0.5, "a"), (30.0, "b")])
def test_what_is_idle_goes_first_and_of_equals_the_first_by_name(running: float, goes: str) -> None:
    turns = [("a", running, 0.0), ("b", 1.0, 0.0), ("c", 1.0, 10.0), (goes, 1.0, 20.0)]
    jobs = [Job(unit=Unit(name), seconds=seconds, load_seconds=2.0, arrives=at) for name, seconds, at in turns]
    assert loads(FirstCome(jobs, 2).run())[2:] == [(10.0, "c"), (20.0, goes)]


def test_the_same_weights_with_other_options_take_the_place_they_have() -> None:
    units = [Unit("b"), Unit("a"), Unit("b", LARGER), Unit("a")]
    jobs = [Job(unit=unit, seconds=1.0, load_seconds=2.0, arrives=10.0 * at) for at, unit in enumerate(units)]
    assert loads(FirstCome(jobs, 2).run()) == [(0.0, "b"), (10.0, "a"), (20.0, "b")]


# --- the fewest loads


def test_the_optimum_of_the_textbooks_sequence_is_the_textbooks() -> None:
    """Silberschatz, Galvin, Gagne: Operating System Concepts, on page replacement: nine faults with three frames."""
    assert optimum([Unit(page) for page in "70120304230321201701"], 3) == 9


@given(
    order=st.lists(st.sampled_from(UNITS), max_size=9).map(tuple),
    places=st.integers(1, 3),
    pinned=st.sampled_from(("", "a", "ab")),
)
def test_no_other_choice_of_what_goes_has_fewer_loads_than_the_optimum(
    order: tuple[Unit, ...], places: int, pinned: str
) -> None:
    pinned = pinned[: places - 1]
    assert optimum(order, places, frozenset(pinned)) == fewest_loads(order, places, frozenset(pinned))


def fewest_loads(order: Sequence[Unit], places: int, pinned: frozenset[str]) -> int:
    """Try everything that may go at each load."""

    @lru_cache(None)
    def fewest(at: int, held: frozenset[Unit]) -> int:
        if at == len(order):
            return 0
        unit = order[at]
        if unit in held:
            return fewest(at + 1, held)
        staying = frozenset(other for other in held if other.weights != unit.weights)
        if len(staying) < places:
            return 1 + fewest(at + 1, staying | {unit})
        return 1 + min(fewest(at + 1, staying - {other} | {unit}) for other in staying if other.weights not in pinned)

    return fewest(0, frozenset())


# --- extra waits


def outcome_of(swaps: list[tuple[float, Swap]], *served: tuple[str, float, float, float]) -> Outcome:
    """`served`: a model, and when a turn for it came, was admitted and ended."""
    turns = [
        Served(Job(unit=Unit(model), seconds=ended - admitted, load_seconds=2.0), arrived, admitted)
        for model, arrived, admitted, ended in served
    ]
    return Outcome(turns, swaps)


A_FOR_C = [(10.0, Swap(Unit("c"), (Unit("a"),)))]


@pytest.mark.parametrize(
    ("others", "extra"),
    [
        pytest.param([("a", 0.0, 0.0, 10.0)], 0.0, id="it waited for a turn that ran when it came"),
        pytest.param([("a", 0.5, 4.0, 10.0)], 0.0, id="it waited for one that stood in line before it"),
        pytest.param([("a", 0.0, 0.0, 5.0), ("a", 4.0, 4.0, 10.0)], 3.0, id="one that came later went first"),
        pytest.param([("a", 0.0, 0.0, 7.0)], 3.0, id="a model was kept though idle"),
        pytest.param([("a", 0.0, 0.0, 5.0), ("a", 4.0, 4.0, 7.0)], 6.0, id="both"),
        pytest.param([("b", 3.0, 3.0, 12.0), ("a", 5.0, 5.0, 10.0)], 2.0, id="later ones no longer made a difference"),
    ],
)
def test_a_wait_is_extra_for_as_long_as_later_turns_make_a_difference(
    others: list[tuple[str, float, float, float]], extra: float
) -> None:
    waiting = ("c", 1.0, 12.0, 13.0)
    later = [(20.0, Swap(Unit("a"), (Unit("b"),)))]
    assert longest_extra_wait(outcome_of([*A_FOR_C, *later], *others, waiting)) == extra


def test_in_order_of_arrival_nobody_waits_for_the_sake_of_others() -> None:
    assert longest_extra_wait(FirstCome(made_up(0, 100), 2, 6).run()) == 0.0
