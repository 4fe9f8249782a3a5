"""Calls as text: short, whole, and never otherwise than they are."""

import json

import pytest

from mdsa_server.vocabulary.call_text import SHORT_CHARS, arguments_in_full, arguments_in_short, call_in_short


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


def test_arguments_are_written_whole_as_json() -> None:
    arguments = {"text": "two\nlines, ünïcode " + "x" * 1000, "deep": {"list": [1, None]}}
    assert json.loads(arguments_in_full(arguments)) == arguments
