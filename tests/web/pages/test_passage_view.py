"""Passages are shown as text that is easily read, and nothing of them is lost but marks and line ends."""

import pytest

from mdsa_server.store.document_rows import StoredPassage
from mdsa_server.web.pages.passage_view import heading_apart, passages_shown, unwrapped

LONG = "This line was broken only because a page has an end."


def passage(place: int, text: str, *heading: str, page: int | None = None) -> StoredPassage:
    return StoredPassage(id=place, place=place, text=text, heading=heading, page=page)


def test_headings_and_pages_are_told_where_they_change() -> None:
    passages = [
        passage(0, "# Pump\n\nIt pumps.\n", page=1),
        passage(1, "## Care\n\nOil it.\n", "Care", page=1),
        passage(2, "Grease it.\n", "Care", page=2),
        passage(3, "### Weekly\n\nLook.\n", "Care", "Weekly", page=2),
        passage(4, "Middle.", "Care", "Monthly", page=2),
    ]
    shown = [(one.heading, one.above, one.page) for one in passages_shown(passages, "Pump", "markdown")]
    assert shown == [
        ("", (), 1),
        ("Care", (), None),
        ("", (), 2),
        ("Weekly", ("Care",), None),
        ("", ("Care", "Monthly"), None),
    ]


@pytest.mark.parametrize(
    ("text", "apart"),
    [
        ("## Care\n\nOil it.", ("Care", "\nOil it.")),
        ("Care\n----\nOil it.", ("Care", "Oil it.")),
        ("\nCare", ("Care", "")),
        ("Careful work.", ("", "Careful work.")),
    ],
)
def test_the_heading_that_a_text_begins_with_is_set_apart(text: str, apart: tuple[str, str]) -> None:
    assert heading_apart(text, "Care") == apart


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"{LONG}\nIt goes on.", f"{LONG} It goes on."),
        ("Short.\nIt goes on.", "Short.\nIt goes on."),
        (f"- {LONG}\n- {LONG}", f"- {LONG}\n- {LONG}"),
        (f"| {LONG} |\n| {LONG} |", f"| {LONG} |\n| {LONG} |"),
        (f"{LONG}\n    indented", f"{LONG}\n    indented"),
        (f"```\n{LONG}\ncode\n```", f"```\n{LONG}\ncode\n```"),
    ],
)
def test_lines_that_were_broken_to_fit_a_page_are_put_together(text: str, shown: str) -> None:
    assert unwrapped(text) == shown


def test_code_keeps_its_lines() -> None:
    (shown,) = passages_shown([passage(0, f"{LONG}\nx = 1\n\n    y = 2\n")], "x.py", "code")
    assert shown.paragraphs == (f"{LONG}\nx = 1", "    y = 2")
