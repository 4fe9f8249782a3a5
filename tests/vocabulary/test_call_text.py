"""Calls as text: short, whole, and never otherwise than they are."""

import json

import pytest

from mdsa_server.vocabulary.call_text import SHORT_CHARS, arguments_in_full, arguments_in_short, call_in_short, readable


def test_a_call_is_written_as_one_writes_it() -> None:
    assert call_in_short("send", {"to": "Ann", "copies": 2, "now": True}) == 'send(to="Ann", copies=2, now=true)'
    assert call_in_short("now", {}) == "now()"


def test_a_long_argument_hides_none_that_follow() -> None:
    short = arguments_in_short({"text": "x" * 1000, "to": "Eve"})
    assert short.endswith(' …, to="Eve"')
    assert len(arguments_in_short({f"argument{number}": number for number in range(100)})) == SHORT_CHARS


@pytest.mark.parametrize("odd", ["\x1b[2J", "\u202eevil", "\u200b", "\x9b", "\u2028", "\ud800"])
def test_what_cannot_be_seen_is_written_as_an_escape(odd: str) -> None:
    for text in (call_in_short(odd, {odd: odd}), arguments_in_full({odd: odd})):
        assert all(char.isprintable() or char == "\n" for char in text), text


@pytest.mark.parametrize(
    "odd", ["\x1b]0;title\x07", "\x1b[2J", "\r", "\x9b", "\u202eevil", "\u2066", "\u200b", "\ud800"]
)
def test_a_text_of_lines_steers_no_terminal(odd: str) -> None:
    shown = readable(f"one\n\ttwo {odd}")
    assert shown.startswith("one\n\ttwo \\")
    assert all(char.isprintable() or char in "\n\t" for char in shown)


def test_a_text_of_lines_keeps_what_people_write() -> None:
    text = "naïve\u00a0text\n\tخانه\u200cها, 日本\u3000語, 👩\u200d💻"
    assert readable(text) == text
    assert readable("two\r\nlines") == "two\nlines"


def test_arguments_are_written_whole_as_json() -> None:
    arguments = {"text": "two\nlines, ünïcode " + "x" * 1000, "deep": {"list": [1, None]}}
    assert json.loads(arguments_in_full(arguments)) == arguments
