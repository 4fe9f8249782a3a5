"""What the policy of residency decides in plain cases, and that it is textbook LRU where nobody waits."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.inference.residency import (
    ELSEWHERE,
    GATHER,
    HALF_LIFE_SECONDS,
    Limits,
    Plan,
    Policy,
    Prefer,
    Slot,
    Swap,
    Unit,
    Waiting,
    choose,
    plan,
)

A, B, C = map(Unit, "abc")
LARGER = Unit("a", (("num_ctx", 8192),))
LIMITS = Limits(max_models=2, max_wait=30.0, max_running=2)
NOW = 1000.0
LOAD = 2.0


def turn(ticket: int, unit: Unit, waited: float = 0.0, size: int = 0) -> Waiting:
    return Waiting(ticket=ticket, unit=unit, since=NOW - waited, load_seconds=LOAD, size=size)


def slot(unit: Unit, idle: float = 0.0, in_use: int = 0, size: int = 0, pinned: bool = False) -> Slot:
    return Slot(unit=unit, in_use=in_use, last_used=NOW - idle, load_seconds=LOAD, size=size, pinned=pinned)


# --- who is admitted


def test_a_turn_whose_model_is_in_memory_goes_at_once_and_past_one_whose_model_is_not() -> None:
    todo = plan([turn(1, C), turn(2, A)], [slot(A, in_use=1), slot(B, in_use=1)], LIMITS, NOW)
    assert todo == Plan((2,), None, {1: "in use"}, wake_at=NOW + 30)


def test_a_model_takes_no_more_turns_at_a_time_than_it_may() -> None:
    todo = plan([turn(1, A), turn(2, A), turn(3, A)], [slot(A)], LIMITS, NOW)
    assert (todo.admit, todo.waits) == ((1, 2), {3: "running"})


def test_behind_a_turn_that_waited_long_enough_its_place_takes_no_more_turns() -> None:
    slots = [slot(A, idle=9, in_use=1), slot(B, idle=1, in_use=1)]
    line, limits = (
        [turn(1, A, waited=31), turn(2, C, waited=30), turn(3, A), turn(4, B)],
        replace(LIMITS, max_running=3),
    )
    assert plan(line[1:], slots, limits, NOW) == Plan((4,), None, {2: "in use", 3: "running"})
    # Those before it go first; then the other place is the one to be free sooner.
    assert plan(line, slots, limits, NOW) == Plan((1, 3), None, {2: "in use", 4: "running"})


def test_a_place_for_which_turns_from_before_wait_is_the_last_to_be_made_free() -> None:
    slots = [slot(A, idle=9, in_use=2), slot(B, idle=1, in_use=1)]
    todo = plan([turn(1, A, waited=31), turn(2, C, waited=30), turn(3, B)], slots, LIMITS, NOW)
    assert todo == Plan((), None, {1: "running", 2: "in use", 3: "running"})


def test_a_turn_whose_model_is_leaving_counts_as_one_whose_model_is_not_there() -> None:
    slots = [replace(slot(A), phase="leaving"), replace(slot(C), phase="loading"), slot(B, in_use=1)]
    todo = plan([turn(1, A, waited=30), turn(2, B)], slots, LIMITS, NOW)
    assert todo == Plan((), None, {1: "another loads", 2: "running"})


# --- what is swapped


def test_a_model_for_which_there_is_room_is_loaded_at_once() -> None:
    todo = plan([turn(1, B)], [slot(A, in_use=1)], LIMITS, NOW)
    assert (todo.swap, todo.waits) == (Swap(B), {1: "loading"})


def test_the_idle_model_that_was_not_used_for_longest_goes() -> None:
    todo = plan([turn(1, C)], [slot(A, idle=5), slot(B, idle=9)], LIMITS, NOW)
    assert todo.swap == Swap(C, (B,))


def test_an_idle_model_goes_before_a_busy_one() -> None:
    todo = plan([turn(1, C)], [slot(A, idle=5), slot(B, idle=9, in_use=1)], LIMITS, NOW)
    assert todo.swap == Swap(C, (A,))


def test_a_turn_waits_some_loads_long_for_more_of_its_kind_while_others_are_about() -> None:
    slots = [slot(A, idle=1), slot(B, in_use=1)]
    todo = plan([turn(1, C)], slots, LIMITS, NOW)
    ripe = NOW - 1 + GATHER * LOAD
    assert todo == Plan((), None, {1: "gathering"}, wake_at=ripe)
    assert plan([turn(1, C)], slots, LIMITS, ripe).swap == Swap(C, (A,))


def test_a_turn_does_not_lose_its_place_to_a_later_one_whose_model_loads_faster() -> None:
    slots = [slot(A, idle=1), slot(B, in_use=1)]
    slow, fast = turn(1, C, waited=1), replace(turn(2, Unit("d"), waited=0.5), load_seconds=0.1)
    soon = NOW + 1.0
    assert plan([fast], slots, LIMITS, soon).swap == Swap(Unit("d"), (A,))
    todo = plan([slow, fast], slots, LIMITS, soon)
    assert (todo.swap, todo.waits) == (None, {1: "gathering", 2: "gathering"})
    assert todo.wake_at is not None
    assert plan([slow, fast], slots, LIMITS, todo.wake_at).swap == Swap(C, (A,))


def test_what_others_have_loaded_counts_as_in_memory_when_a_model_is_chosen() -> None:
    elsewhere = [slot(Unit("b", ELSEWHERE))]
    assert choose([turn(1, A), turn(2, B)], elsewhere, "warm", 0.0).unit == B


def test_a_turn_that_is_alone_waits_for_nobody() -> None:
    assert plan([turn(1, C), turn(2, C)], [slot(A, idle=1), slot(B, idle=1)], LIMITS, NOW).swap == Swap(C, (A,))


def test_while_one_model_moves_no_other_does() -> None:
    for phase in ("loading", "leaving"):
        todo = plan([turn(1, C, waited=99)], [slot(A, idle=99), replace(slot(B), phase=phase)], LIMITS, NOW)
        assert (todo.swap, todo.waits) == (None, {1: "another loads"})


def test_the_same_weights_with_other_options_are_replaced_even_if_pinned_but_not_while_in_use() -> None:
    assert plan([turn(1, LARGER)], [slot(A, idle=1, pinned=True)], LIMITS, NOW).swap == Swap(LARGER, (A,))
    busy = plan([turn(1, LARGER)], [slot(A, in_use=1)], LIMITS, NOW)
    assert (busy.swap, busy.waits) == (None, {1: "in use"})


def test_pinned_models_stay_and_who_has_no_place_beside_them_is_told() -> None:
    pinned = [slot(A, idle=99, pinned=True), slot(B, idle=1)]
    assert plan([turn(1, C)], pinned, LIMITS, NOW).swap == Swap(C, (B,))
    only = plan([turn(1, C, waited=99)], [replace(one, pinned=True) for one in pinned], LIMITS, NOW)
    assert only == Plan((), None, {1: "pinned"})


def test_as_many_models_go_as_their_sizes_ask_and_none_is_too_large_to_be_alone() -> None:
    limits = Limits(max_models=3, max_memory=10, max_wait=30.0, max_running=2)
    slots = [slot(A, idle=9, size=4), slot(B, idle=5, size=4)]
    swaps = {size: plan([turn(1, C, size=size)], slots, limits, NOW).swap for size in (2, 6, 7, 11)}
    assert swaps == {2: Swap(C), 6: Swap(C, (A,)), 7: Swap(C, (A, B)), 11: Swap(C, (A, B))}
    beside_pinned = plan([turn(1, C, size=7)], [slots[0], replace(slots[1], pinned=True)], limits, NOW)
    assert beside_pinned.waits == {1: "pinned"}


@pytest.mark.parametrize(("policy", "goes"), [("lru", A), ("cost", B)])
def test_by_cost_what_is_quick_to_load_goes_before_what_is_slow(policy: Policy, goes: Unit) -> None:
    slots = [replace(slot(A, idle=60), load_seconds=30.0), replace(slot(B, idle=50), load_seconds=1.0)]
    assert plan([turn(1, C)], slots, replace(LIMITS, policy=policy), NOW).swap == Swap(C, (goes,))


def test_by_cost_what_is_used_often_stays_though_it_was_used_earlier() -> None:
    slots = [replace(slot(A, idle=60), uses=9.0), slot(B, idle=50)]
    assert plan([turn(1, C)], slots, replace(LIMITS, policy="cost"), NOW).swap == Swap(C, (B,))


def test_uses_of_late_count_for_more() -> None:
    often = replace(slot(A, idle=HALF_LIFE_SECONDS), uses=4.0)
    assert often.used(NOW, 1) == replace(often, in_use=1, last_used=NOW, uses=2.0 + 1)
    assert replace(often, in_use=1).used(NOW, 0) == replace(often, last_used=NOW, uses=2.0)


def test_a_model_is_not_used_later_for_one_of_several_turns_that_ends() -> None:
    busy = slot(A, idle=9, in_use=2)
    assert busy.used(NOW, 1) == replace(busy, in_use=1)


# --- which of several models


@pytest.mark.parametrize(
    ("prefer", "worth", "warm", "chosen"),
    [
        ("best", 0.0, [slot(B)], A),
        ("warm", 9.0, [slot(B)], B),
        ("warm", 9.0, [slot(C), slot(B)], B),
        ("warm", 9.0, [replace(slot(B), phase="loading")], B),
        ("warm", 9.0, [replace(slot(B), phase="leaving")], A),
        ("warm", 9.0, [], A),
        ("balanced", LOAD, [slot(B)], A),
        ("balanced", LOAD - 1, [slot(B)], B),
        ("balanced", LOAD - 1, [slot(A), slot(B)], A),
    ],
)
def test_of_several_models_the_first_is_chosen_unless_another_is_there_and_that_counts_for_more(
    prefer: Prefer, worth: float, warm: Sequence[Slot], chosen: Unit
) -> None:
    candidates = [turn(number, unit) for number, unit in enumerate((A, B, C))]
    assert choose(candidates, warm, prefer, worth).unit == chosen


# --- textbook LRU


@given(order=st.lists(st.sampled_from("abcdef"), max_size=60), places=st.integers(1, 4))
def test_one_turn_after_the_other_is_textbook_lru(order: Sequence[str], places: int) -> None:
    assert one_after_the_other(order, places) == textbook_lru(order, places)


def one_after_the_other(order: Sequence[str], places: int) -> list[tuple[str, str | None]]:
    """Serve turns of which none comes before the last has ended; give the loads, each with what went for it."""
    limits, slots, loads = replace(LIMITS, max_models=places), dict[Unit, Slot](), list[tuple[str, str | None]]()
    for number, unit in enumerate(map(Unit, order)):
        now = NOW + number
        waiting = Waiting(ticket=number, unit=unit, since=now, load_seconds=LOAD)
        todo = plan([waiting], [*slots.values()], limits, now)
        if todo.swap is not None:
            gone = [slots.pop(victim).unit.weights for victim in todo.swap.unload]
            slots[unit] = Slot(unit=unit, last_used=now, load_seconds=LOAD)
            loads.append((unit.weights, gone[0] if gone else None))
            assert len(gone) <= 1
            todo = plan([waiting], [*slots.values()], limits, now)
        assert todo.admit == (number,)
        slots[unit] = replace(slots[unit], last_used=now)
    return loads


def textbook_lru(order: Sequence[str], places: int) -> list[tuple[str, str | None]]:
    held, loads = OrderedDict[str, None](), list[tuple[str, str | None]]()
    for name in order:
        if name not in held:
            loads.append((name, held.popitem(last=False)[0] if len(held) == places else None))
        held[name] = None
        held.move_to_end(name)
    return loads
