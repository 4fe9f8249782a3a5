"""Templates are strict, and numbers read well."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from mdsa_server.web.rendering import ago, code_spans, make_environment, percent, plural, seconds, toml_text

NOW = datetime(2026, 3, 14, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("share", "shown"), [(0.0, "0 %"), (0.0004, "< 1 %"), (0.934, "93 %"), (0.9996, "99 %"), (1.0, "100 %")]
)
def test_what_is_not_quite_all_or_nothing_is_not_shown_as_that(share: float, shown: str) -> None:
    assert percent(share) == shown


@pytest.mark.parametrize(
    ("span", "shown"),
    [(0.00042, "0.4 ms"), (0.0421, "42 ms"), (1.94, "1.9 s"), (125.0, "2 min 5 s")],
)
def test_a_span_of_time_has_the_digits_that_matter(span: float, shown: str) -> None:
    assert seconds(span) == shown


@pytest.mark.parametrize(
    ("passed", "shown"),
    [
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=5, seconds=30), "5 min ago"),
        (timedelta(hours=23), "23 h ago"),
        (timedelta(days=400), "7 February 2025"),
    ],
)
def test_a_list_says_how_long_ago_something_was(passed: timedelta, shown: str) -> None:
    assert ago(NOW - passed, NOW) == shown


def test_one_is_one_and_two_are_many() -> None:
    assert plural(1, "turn") == "1 turn"
    assert plural(1200, "turn") == "1,200 turns"


def test_commands_in_a_problem_are_shown_as_code_and_the_rest_is_escaped() -> None:
    assert code_spans("run `mdsa check` & <wait>") == "run <code>mdsa check</code> &amp; &lt;wait&gt;"


def test_a_misspelt_name_in_a_template_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("{{ conversatoin }}")

    with pytest.raises(UndefinedError):
        make_environment(tmp_path, tmp_path).get_template("page.html").render(conversation="")


def test_the_address_of_a_static_file_changes_with_the_file(tmp_path: Path) -> None:
    style = tmp_path / "app.css"
    style.write_text("a {}")
    page = make_environment(tmp_path, tmp_path).from_string("{{ asset('app.css') }}")
    before = page.render()
    style.touch()

    assert before.startswith("/static/app.css?v=")
    assert page.render() != before


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "not set"),
        ('a "b"', '"a \\"b\\""'),
        ("(hidden)", "(hidden)"),
        ("(hidden, 2 of them)", "(hidden, 2 of them)"),
        ({"num_ctx": 4096}, "{ num_ctx = 4096 }"),
        ({"notes": {"cwd": "", "effects": None, "env": {}}}, 'notes.cwd = ""\nnotes.env = {}'),
    ],
)
def test_a_setting_is_written_as_the_file_would_where_that_has_a_word_for_it(value: object, shown: str) -> None:
    assert toml_text(value) == shown
