"""Fusing what several searches found: properties, over all lists that may come."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.knowledge.fusion import fused, runs, without_repeats

RANKINGS = st.lists(st.lists(st.integers(0, 30), unique=True, max_size=20), max_size=4)


@given(RANKINGS)
def test_everything_found_is_in_the_fused_list_once(rankings: list[list[int]]) -> None:
    found = [one for one, _ in fused(rankings)]
    assert sorted(found) == sorted({one for ranking in rankings for one in ranking})


@given(RANKINGS)
def test_scores_fall_along_the_fused_list(rankings: list[list[int]]) -> None:
    scores = [score for _, score in fused(rankings)]
    assert scores == sorted(scores, reverse=True)


@given(st.lists(st.integers(), unique=True))
def test_one_list_alone_keeps_its_order(ranking: list[int]) -> None:
    assert [one for one, _ in fused([ranking])] == ranking


def test_what_two_searches_found_stands_before_what_one_found() -> None:
    assert next(iter(fused([["a", "both"], ["b", "both"]])))[0] == "both"


@given(st.lists(st.integers(0, 50)))
def test_runs_hold_each_place_once_and_none_can_be_joined(places: list[int]) -> None:
    made = runs(places)
    assert [place for run in made for place in run] == sorted(set(places))
    assert all(one.stop < other.start for one, other in itertools.pairwise(made))


TEXT = "The pump must be oiled every week, and its valve closed before anyone opens the lid of the tank."


def kept(*said: tuple[str, str] | str) -> list[int]:
    """Give the numbers of the passages that stay; each is a text, or a title and a text."""
    found = [("Pump", one) if isinstance(one, str) else one for one in said]
    return without_repeats(range(len(found)), found.__getitem__)


def test_what_says_the_same_is_left_out_and_the_first_stays() -> None:
    assert kept(TEXT, "Close the valve.", TEXT.upper(), f"  {TEXT.replace(' ', chr(10))} ", TEXT) == [0, 1]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"{TEXT} The maximum pressure is 5 bar.", f"{TEXT} The maximum pressure is 8 bar."),
        (f"{TEXT} if x >= 5: stop()", f"{TEXT} if x <= 5: stop()"),
        (f"{TEXT} Set it to -1.", f"{TEXT} Set it to 1."),
        (f"{TEXT} It is safe.", f"{TEXT} It is not safe."),
        ("---", "***"),
    ],
)
def test_what_differs_in_a_number_a_sign_or_a_word_stays(one: str, other: str) -> None:
    assert kept(one, other) == [0, 1]


def test_what_two_documents_say_alike_of_different_things_stays() -> None:
    assert kept(("Pump A", TEXT), ("Pump B", TEXT), ("PUMP  a", TEXT)) == [0, 1]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.text("aA \n1", max_size=4)), max_size=20))
def test_of_each_that_says_the_same_just_the_first_stays(said: list[tuple[str, str]]) -> None:
    same = [(title, " ".join(text.casefold().split())) for title, text in said]
    assert kept(*said) == [number for number, one in enumerate(same) if one not in same[:number]]
