"""Of a long passage, what was looked for is shown, with its words marked."""

import pytest

from mdsa_server.vocabulary.passages import Passage
from mdsa_server.web.pages.excerpt import EXCERPT_CHARS, excerpt, hit

FILLER = "Nothing of it stands here. " * 40


def shown(text: str, query: str) -> str:
    return "".join(f"[{part.text}]" if part.marked else part.text for part in excerpt(text, query))


def test_the_words_that_were_looked_for_are_marked_in_any_case_and_with_their_endings() -> None:
    assert shown("Oil the Bearings weekly.", "how to oil the bearing") == "Oil the [Bearing]s weekly."


def test_short_words_count_where_there_are_no_others() -> None:
    assert shown("Oil it.", "oil") == "[Oil] it."


def test_the_part_is_shown_in_which_most_of_the_words_stand() -> None:
    text = f"A bearing. {FILLER}Oil the bearing with grease. {FILLER}"
    part = shown(text, "grease for a bearing")
    assert part.startswith("… ")
    assert part.endswith(" …")
    assert "Oil the [bearing] with [grease]." in part
    assert len(part) < EXCERPT_CHARS + 20


@pytest.mark.parametrize("query", ["", "?", "absent words", "(", "\\", "x" * 400])
def test_the_beginning_is_shown_where_no_word_stands_in_it(query: str) -> None:
    assert shown(FILLER, query).startswith("Nothing of it stands here.")


def test_a_text_without_any_blank_is_cut_all_the_same() -> None:
    assert len(shown("x" * 5000, "grease")) < EXCERPT_CHARS + 20


def test_a_heading_is_not_shown_twice() -> None:
    passage = Passage(text="## Care\n\nOil it.", source="pump.md", title="Pump", heading=("Care",))
    assert [part.text for part in hit(passage, "weekly", [passage]).parts] == ["Oil it."]
