"""The plots on searching: labels that can be told apart, bars as high as what they count."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.web.plots import BOTTOM, TOP, up
from mdsa_server.web.retrieval_plots import CURVES_RIGHT, columns, curves, depths, spread

GAP = 13.0


@given(st.lists(st.floats(TOP, BOTTOM), min_size=1, max_size=4))
def test_labels_stand_apart_in_the_order_of_their_lines_and_within_the_plot(heights: list[float]) -> None:
    placed = spread(heights, GAP)
    ranked = [placed[number] for number in sorted(range(len(heights)), key=lambda one: heights[one])]
    assert all(below - above >= GAP - 1e-9 for above, below in pairwise(ranked))
    assert ranked[0] >= TOP - 1e-9
    assert ranked[-1] <= BOTTOM + 1e-9


def test_a_label_with_room_around_it_stands_at_the_end_of_its_line() -> None:
    assert spread([50.0, 100.0, 150.0], GAP) == [50.0, 100.0, 150.0]


def test_a_curve_goes_from_the_first_depth_to_the_last() -> None:
    words, both = curves({"bm25": [0.0, 0.25, 0.5], "fusion": [0.5, 0.75, 1.0]}, 1.0)
    assert (words.name, both.name) == ("words", "both")
    assert words.path.startswith(f"M40.0 {BOTTOM:.1f}")
    assert both.path.endswith(f"{CURVES_RIGHT:.1f} {TOP:.1f}")
    assert (words.end, words.label) == (up(0.5), up(0.5))


def test_pointing_at_a_depth_tells_of_every_stage() -> None:
    strips = depths({"bm25": [0.0, 0.25], "fusion": [0.5, 0.75]})
    assert [strip.title for strip in strips] == ["first 1: words 0.000, both 0.500", "first 2: words 0.250, both 0.750"]


@given(st.lists(st.integers(0, 50), min_size=12, max_size=12))
def test_a_bar_is_as_high_as_its_share_of_the_questions(counts: list[int]) -> None:
    drawn = columns(counts, 1.0)
    total = sum(counts) or 1
    assert [column.name for column in drawn][-3:] == ["10", "11+", "none"]
    for column, count in zip(drawn, counts, strict=True):
        assert abs(column.box.height - count / total * (BOTTOM - TOP)) < 1e-9
        assert column.count == count
    assert all(one.box.x + one.box.width <= next_.box.x for one, next_ in pairwise(drawn))
