"""Whatever encoding a file is in, its text is readable and holds nothing that does harm."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from mdsa_server.errors import DocumentUnreadable
from mdsa_server.knowledge.formats.characters import clean, decode, one_line


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_is_told_by_its_mark_or_by_itself(encoding: str) -> None:
    assert decode("Käuze sehen gut – auch nachts 🦉".encode(encoding)) == "Käuze sehen gut – auch nachts 🦉"


def test_what_is_not_utf_8_is_read_as_windows_1252() -> None:
    assert decode("Käuze “sehen” gut".encode("windows-1252")) == "Käuze “sehen” gut"
    assert decode("Käuze".encode("latin-1")) == "Käuze"


def test_a_broken_byte_in_utf_8_spoils_no_other() -> None:
    assert decode("Käuze, Öhrchen".encode() + b"\xff.") == "Käuze, Öhrchen\ufffd."


@pytest.mark.parametrize("content", [b"text\0text", bytes(range(1, 32)) * 9, "Owl".encode("utf-16-le")])
def test_what_is_no_text_is_refused(content: bytes) -> None:
    with pytest.raises(DocumentUnreadable, match="is no text"):
        decode(content)


def test_line_ends_of_all_systems_become_one() -> None:
    assert clean("a\r\nb\rc\fd") == "a\nb\nc\nd"


@given(some.text(some.characters(categories=["Cc", "Cs", "Lu", "Zs"])))
def test_no_control_character_and_no_lone_surrogate_survives(text: str) -> None:
    cleaned = clean(text)
    assert all(character in "\n\t" or not (character < " " or "\x7f" <= character <= "\x9f") for character in cleaned)
    assert cleaned.encode().decode() == cleaned
    assert "".join(cleaned.split()).replace("\ufffd", "") == "".join(
        character for character in text if character.isalpha()
    )


def test_a_long_title_is_cut_to_one_line() -> None:
    assert one_line(" a\n b\x07 ") == "a b"
    assert one_line("owl " * 1000, 10) == "owl owl o…"
