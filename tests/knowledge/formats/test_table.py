"""Each row of a table names its columns, so that a row can be understood alone."""

import pytest

from mdsa_server.knowledge.formats.table import read_table


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_each_row_becomes_lines_that_name_their_columns(delimiter: str) -> None:
    text = "kind,weight,food\nBarn owl,300,mice\nTawny owl,,birds\n".replace(",", delimiter)
    document = read_table(text, "owls")
    assert document.text == "kind: Barn owl\nweight: 300\nfood: mice\n\nkind: Tawny owl\nfood: birds"
    assert (document.type, document.title) == ("csv", "owls")


def test_quoted_cells_may_hold_delimiters_quotes_and_line_ends() -> None:
    text = 'kind,said\n"owl, barn","it says ""hoo""\nand flies"\n'
    assert read_table(text, "owls").text == 'kind: owl, barn\nsaid: it says "hoo" and flies'


def test_columns_without_names_are_numbered() -> None:
    assert read_table("1,2\n3,4\n", "n").text == "column 1: 1\ncolumn 2: 2\n\ncolumn 1: 3\ncolumn 2: 4"


def test_a_row_may_have_more_or_fewer_cells_than_the_first() -> None:
    assert read_table("a,b\n1\n\n1,2,3\n", "n").text == "a: 1\n\na: 1\nb: 2\ncolumn 3: 3"


def test_a_table_with_nothing_but_names_is_read_as_a_row() -> None:
    assert read_table("kind,weight\n", "n").text == "column 1: kind\ncolumn 2: weight"


def test_a_cell_that_never_ends_leaves_the_text_as_it_is() -> None:
    text = 'kind,weight\n"' + "owl " * 100_000
    document = read_table(text, "n")
    assert (document.text, document.type) == (text, "text")
