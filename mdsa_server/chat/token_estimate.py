"""How many tokens a text is, by the kinds of its characters, before any engine has counted it.

The rates are those of the chat tokenizer that makes the most of each kind; DESIGN.md has what was measured.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# Letters and digits without an end, such as encoded data: hardly two of them are one token.
UNBROKEN = re.compile(rb"[A-Za-z0-9]{24,}")
UNBROKEN_RATE = 0.9


class Tokens(NamedTuple):
    """Tokens of a text by the kinds of characters that models differ in, each kind in its own way."""

    words: float
    """Latin letters, as in English and in code."""
    figures: float
    """Digits, punctuation, white space, and letters without an end."""
    scripts: float
    """All other characters, and what words cost more for them: those with marked letters are not English."""

    @property
    def total(self) -> float:
        return self.words + self.figures + self.scripts

    def plus(self, other: Tokens) -> Tokens:
        return Tokens(*(one + more for one, more in zip(self, other, strict=True)))

    def times(self, factors: Tokens) -> Tokens:
        return Tokens(*(one * factor for one, factor in zip(self, factors, strict=True)))


NOTHING = Tokens(0.0, 0.0, 0.0)


def _kinds() -> bytes:
    """Make the table from a byte of UTF-8 to a letter for its kind; a character counts by its first byte."""
    table = bytearray(b"." * 256)
    kinds = {
        b"A": [range(0x41, 0x5B)],
        b"a": [range(0x61, 0x7B)],
        b"0": [range(0x30, 0x3A)],
        b"n": [range(0x09, 0x0E)],  # Lines and tabs.
        b" ": [range(0x20, 0x21)],
        b"-": [range(0x80, 0xC0)],  # Goes on with a character.
        b"e": [range(0xC3, 0xC7)],  # Latin letters with marks.
        b"g": [range(0xC7, 0xD4), range(0xD6, 0xE0)],  # Greek, Cyrillic, Hebrew, Arabic.
        b"i": [range(0xD4, 0xD6), range(0xE0, 0xE2)],  # Armenian, Indic, Thai, Georgian.
        b"j": [range(0xE3, 0xEA), range(0xEE, 0xF0)],  # Chinese, Japanese.
        b"k": [range(0xEA, 0xEE)],  # Korean.
        b"m": [range(0xF0, 0x100)],  # Emoji.
        b"s": [range(0xC2, 0xC3), range(0xE2, 0xE3)],  # Quotes, dashes, symbols.
    }
    for kind, ranges in kinds.items():
        for byte in (byte for bytes_ in ranges for byte in bytes_):
            table[byte] = kind[0]
    return bytes(table)


KINDS = _kinds()


def tokens_of(text: str) -> Tokens:
    """Estimate a text, rather too great than too small; a megabyte takes some 50 ms."""
    sent = text.encode("utf-8", "replace")
    broken = UNBROKEN.sub(b"", sent)
    many = (b" " + broken.translate(KINDS)).count
    small, great, marked = many(b"a"), many(b"A"), many(b"e")
    # Where a run of letters begins; a capital within one begins another, as in camelCase.
    begun = sum(map(many, (b" a", b"na", b".a", b"0a")))
    begun_great = sum(map(many, (b" A", b"nA", b".A", b"0A", b"aA")))
    words = 0.95 * (begun + begun_great) + 0.05 * small + 0.34 * max(great - begun_great, 0)
    figures = many(b"0") + many(b" 0") + 0.88 * many(b".") - 2.2 * many(b"....")
    figures += many(b"n") + 0.5 * many(b"n ") + 0.35 * many(b"    ")
    scripts = 1.28 * many(b"g") + 2.35 * many(b"i") + 1.85 * many(b"j") + 2.8 * many(b"k") + 3.5 * many(b"m")
    # Where letters have marks, the words are of a language that models make more tokens of.
    scripts += many(b"s") + 1.4 * marked + min(10 * marked, 0.24 * (small + great)) + 0.95 * (many(b"-a") + many(b"-A"))
    return Tokens(words, figures + UNBROKEN_RATE * (len(sent) - len(broken)), scripts)


def size_of(text: str) -> int:
    """Give the bytes of a text as it is sent."""
    return len(text.encode("utf-8", "replace"))
