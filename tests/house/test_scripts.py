"""Scripts of our own stay few: what HTML and HTMX can do is not done by them."""

from tests.house.tree import ROOT

MOST_LINES = 199


def test_all_scripts_together_stay_under_two_hundred_lines() -> None:
    lengths = {path.name: path.read_text("utf-8").count("\n") for path in sorted((ROOT / "static").glob("*.js"))}
    assert lengths, "there are none"
    assert sum(lengths.values()) <= MOST_LINES, lengths


def test_every_script_says_in_its_first_line_what_it_is_for() -> None:
    for path in (ROOT / "static").glob("*.js"):
        assert path.read_text("utf-8").startswith("// "), path.name
