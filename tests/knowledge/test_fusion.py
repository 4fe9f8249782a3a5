"""Fusing what several searches found: properties, over all lists that may come."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.knowledge.fusion import fused, runs, without_near_duplicates

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


def test_what_says_nearly_the_same_is_left_out_and_the_first_stays() -> None:
    texts = {1: TEXT, 2: "Close the valve.", 3: TEXT.upper(), 4: f"{TEXT} Really."}
    assert without_near_duplicates([1, 2, 3, 4], texts.__getitem__) == [1, 2]


def test_texts_that_share_half_their_words_both_stay() -> None:
    texts = {1: TEXT, 2: TEXT.replace("oiled every week", "cleaned twice a year by somebody who knows how")}
    assert without_near_duplicates([1, 2], texts.__getitem__) == [1, 2]


def test_texts_without_words_are_alike() -> None:
    texts = {1: "---", 2: "***", 3: "one"}
    assert without_near_duplicates([1, 2, 3], texts.__getitem__) == [1, 3]
