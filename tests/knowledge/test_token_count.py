"""Tokens are counted as the embedder counts them, and nothing hides behind one."""

import shutil
from pathlib import Path

import pytest

from mdsa_server.errors import EmbedderUnavailable
from mdsa_server.knowledge.token_count import counter, estimate


def test_the_tokenizers_own_padding_and_cutting_are_off(tokenizer: Path) -> None:
    count = counter(tokenizer, 1000)
    assert count("owl") == 3
    assert count("the " * 500) == 502


def test_a_word_without_end_is_no_single_token(tokenizer: Path) -> None:
    assert counter(tokenizer, 1000)("x" * 4000) == 500


def test_without_a_tokenizer_four_characters_are_a_token() -> None:
    count = counter(None, 1000)
    assert [count(text) for text in ("", "owls", "owls!")] == [estimate(text) for text in ("", "owls", "owls!")]
    assert estimate("owls!") == 2


def test_a_tokenizer_that_cannot_be_read_is_named(tmp_path: Path, tokenizer: Path) -> None:
    broken = tmp_path / "tokenizer.json"
    shutil.copy(tokenizer, broken)
    broken.write_text(broken.read_text("utf-8")[:1000], "utf-8")
    for path in (broken, tmp_path / "missing.json"):
        with pytest.raises(EmbedderUnavailable, match=path.name):
            counter(path, 128)
