"""From bytes to characters, and which of them may stay in a text."""

from __future__ import annotations

import codecs
import re

from mdsa_server.errors import DocumentUnreadable

# The longer ones first: the mark of UTF-16 is how that of UTF-32 begins.
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Not UTF-8 nor Latin-1: pages that declare them often hold the other, and decoding tells which.
DECLARABLE = re.compile(
    r"windows-\d+|cp\d+|iso-8859-(?!1$)\d+|koi8-[ru]|shift_jis|euc-(?:jp|kr)|iso-2022-jp|gbk|gb2312|gb18030|big5",
    re.IGNORECASE,
)
LINE_ENDS = re.compile("\r\n?|[\v\f\x1e\x85]")
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# A str never pairs surrogates, so each of them is a lone one.
SURROGATE = re.compile("[\ud800-\udfff]")
SAMPLE = 65_536
MOST_CONTROLS = 0.05
"""The share of control characters from which on no person or program wrote the file as text."""


def decode(content: bytes, declared: str | None = None) -> str:
    """Give the text of a file: by its byte order mark, else as `declared`, else UTF-8, else Windows-1252.

    A few broken bytes in UTF-8 become U+FFFD. Raises DocumentUnreadable for what is no text.
    """
    text = _decoded(content, declared)
    sample = text[:SAMPLE]
    controls = sum(1 for each in CONTROL.finditer(sample) if each.group() not in "\r\f\x1b")
    if "\0" in text or controls > MOST_CONTROLS * len(sample):
        raise DocumentUnreadable(
            "is no text, and of no kind that is known",
            "Give it as Markdown, text, HTML, PDF, DOCX, CSV or source code; text is best saved as UTF-8.",
        )
    return clean(text)


def _decoded(content: bytes, declared: str | None) -> str:
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    if declared and _is_known(declared):
        return content.decode(declared, "replace")
    try:
        return content.decode()
    except UnicodeDecodeError:
        text = content.decode(errors="replace")
    # What is not UTF-8 at all has hardly a byte above 127 that is valid by chance.
    damaged = text.count("\ufffd")
    intact = sum(1 for character in text if character > "\x7f") - damaged
    if intact > damaged:
        return text
    # It has all that can be seen of Latin-1, and where that has control characters, quotes and dashes.
    return content.decode("windows-1252", "replace")


def _is_known(encoding: str) -> bool:
    try:
        return bool(DECLARABLE.fullmatch(encoding)) and bool(codecs.lookup(encoding))
    except LookupError:
        return False


def clean(text: str) -> str:
    """Make every line end a line feed, other control characters spaces, and lone surrogates U+FFFD."""
    text = LINE_ENDS.sub("\n", text.removeprefix("\ufeff"))
    return SURROGATE.sub("\ufffd", CONTROL.sub(" ", text))


def one_line(text: str, most: int = 200) -> str:
    """Give a title or heading as one clean line of at most so many characters."""
    line = " ".join(clean(text[: 4 * most]).split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"
