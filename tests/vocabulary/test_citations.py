"""Which passages a text cites."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.vocabulary.citations import cited, without_citations


def test_what_is_cited_is_told_by_number() -> None:
    assert cited("One [1], two [3; 2] and [7], [0].", {1, 2, 3}) == {1, 2, 3}


def test_of_a_span_those_are_cited_that_are_there() -> None:
    assert cited("[2] and [1-3]", {1, 3}) == {1, 3}
    assert cited("[1-2], [3-1] and [0-3]", {1, 3}) == frozenset()


def test_where_there_are_no_passages_nothing_is_cited() -> None:
    assert cited("See [1].", ()) == frozenset()


CODE = [
    "`rows[1]`",
    "``a `b` [1]``",
    "```python\nrows[1]\n```",
    "~~~\nrows[1]\n~~~",
    "```\nrows[1]  # and the block has no end yet",
    "````\n```\n[1]\n```\n````",
]


@pytest.mark.parametrize("code", CODE)
def test_numbers_in_code_cite_nothing(code: str) -> None:
    assert cited(f"Do this [2]:\n\n{code}", {1, 2}) == {2}


@pytest.mark.parametrize("code", CODE)
def test_what_cites_is_taken_out_of_prose_and_left_in_code(code: str) -> None:
    assert without_citations(f"Oil it [1], weekly [2, 3][1].\n\n{code}", {1, 2, 3}) == f"Oil it, weekly.\n\n{code}"


def test_numbers_that_cite_nothing_stay() -> None:
    said = "The interval [0, 1], see [7]."
    assert without_citations(said, {1, 2}) == said
    assert without_citations("See [1].", ()) == "See [1]."


@given(st.text("ab `~[]12\n", max_size=60))
def test_what_is_left_without_citations_cites_nothing(text: str) -> None:
    assert cited(without_citations(text, {1, 2}), ()) == frozenset()
    assert len(without_citations(text, {1, 2})) <= len(text)
