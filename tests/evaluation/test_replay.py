"""Recorded turns are served again, and the settings that would have helped are named."""

from dataclasses import replace

import pytest

from mdsa_server.evaluation.recorded import RecordedTurn
from mdsa_server.evaluation.replay import alternatives, jobs_of, replay
from mdsa_server.inference.residency import Limits

LIMITS = Limits(max_models=1, max_wait=20.0, max_running=9)


def turns_of(models: str, *, every: float = 10.0, load: float = 2.0) -> list[RecordedTurn]:
    """Turns for models of one letter each, every so many seconds; each saw its model loading."""
    return [
        RecordedTurn(
            model=model,
            context=4096,
            arrived=every * number,
            admitted=every * number + load,
            ended=every * number + load + 1,
            load_seconds=load,
        )
        for number, model in enumerate(models)
    ]


def test_what_happened_is_told_beside_what_would_have() -> None:
    told = replay(turns_of("abababab"), replace(LIMITS, max_models=2))
    assert (told.turns, told.models) == (8, 2)
    assert (told.happened.loads, told.happened.load_seconds, told.happened.all_waits) == (8, 16.0, 16.0)
    assert (told.simulated.loads, told.simulated.load_seconds) == (2, 4.0)
    assert told.optimum == 2


def test_another_place_is_recommended_where_it_saves_much() -> None:
    told = replay(turns_of("abababab"), LIMITS)
    assert told.simulated.loads == 8
    assert told.best.max_models == 2
    assert told.best_cost.loads == 2


@pytest.mark.parametrize("models", ["aaaa", "aaabbb"])
def test_what_is_good_already_is_left_as_it_is(models: str) -> None:
    limits = replace(LIMITS, max_models=2)
    assert replay(turns_of(models), limits).best == limits


def test_a_pinned_model_is_loaded_once() -> None:
    turns = turns_of("abcabcabc")
    pinned = replay(turns, replace(LIMITS, max_models=2), frozenset("a"))
    assert pinned.simulated.loads == 1 + 6
    assert {limits.max_models for limits in alternatives(jobs_of(turns), LIMITS, frozenset("a"))} == {2, 3}


def test_the_same_model_with_another_context_is_loaded_anew() -> None:
    turns = turns_of("aa")
    turns[1] = RecordedTurn(model="a", context=8192, arrived=10.0, admitted=12.0, ended=13.0, load_seconds=2.0)
    assert replay(turns, replace(LIMITS, max_models=2)).simulated.loads == 2
