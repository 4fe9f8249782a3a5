"""Which passages a text cites."""

from mdsa_server.vocabulary.citations import cited


def test_what_is_cited_is_told_by_number() -> None:
    assert cited("One [1], two [3; 2] and [7], [0].", {1, 2, 3}) == {1, 2, 3}


def test_of_a_span_those_are_cited_that_are_there() -> None:
    assert cited("[2] and [1-3]", {1, 3}) == {1, 3}
    assert cited("[1-2], [3-1] and [0-3]", {1, 3}) == frozenset()


def test_where_there_are_no_passages_nothing_is_cited() -> None:
    assert cited("See [1].", ()) == frozenset()
