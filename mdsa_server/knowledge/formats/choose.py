"""Which kind of document a file is, told by its first bytes and then, among texts, by its name; and its reading."""

from __future__ import annotations

import re
from pathlib import PurePath

from msgspec.structs import replace

from mdsa_server.errors import DocumentUnreadable
from mdsa_server.knowledge.formats.characters import decode, one_line
from mdsa_server.vocabulary.documents import ReadDocument

# Each kind's module is imported where it is needed: most folders hold one or two kinds.

MARKDOWN = frozenset((".md", ".markdown", ".mdown", ".mkd", ".mdx", ".qmd", ".rmd"))
HTML = frozenset((".html", ".htm", ".xhtml"))
TABLES = frozenset((".csv", ".tsv", ".tab"))
LOOKS_LIKE_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype html|html)\b", re.I | re.S
)
UNREAD = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is in an old Office format", "Save it as DOCX and try again."),
    (b"{\\rtf", "is in the format RTF", "Save it as DOCX and try again."),
    (b"PK\x03\x04", "is a ZIP archive, or a document in a format that is one", "Give DOCX, PDF or text, or unpack it."),
    (b"PK\x05\x06", "is an empty ZIP archive", "Unpack archives first."),
    (b"\x1f\x8b", "is compressed with gzip", "Unpack it first."),
    (b"BZh", "is compressed with bzip2", "Unpack it first."),
    (b"\xfd7zXZ\0", "is compressed with xz", "Unpack it first."),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive", "Unpack it first."),
    (b"\x28\xb5\x2f\xfd", "is compressed with Zstandard", "Unpack it first."),
    (b"\x7fELF", "is a program", "Give the text that tells of it."),
    (b"\x89PNG", "is a picture", "Have its text recognised first (OCR)."),
    (b"\xff\xd8\xff", "is a picture", "Have its text recognised first (OCR)."),
    (b"GIF8", "is a picture", "Have its text recognised first (OCR)."),
    (b"II*\0", "is a picture", "Have its text recognised first (OCR)."),
    (b"MM\0*", "is a picture", "Have its text recognised first (OCR)."),
)
"""How files begin that cannot be read, and what is said of them."""
NAMED = {".pdf": "PDF", ".docx": "Word document"}
"""Kinds that have a beginning of their own, by the endings that promise it."""
# Programs that read PDF look for its beginning so far into a file.
PDF_BEGINS_WITHIN = 1024


def read_content(content: bytes, file_name: str) -> ReadDocument:
    """Read the bytes of a file. Raises DocumentUnreadable, whose sentence lacks the file's name in front."""
    if not content.strip():
        raise DocumentUnreadable("is empty", "Put text into it, or leave it out.")
    document = _read(content, file_name, PurePath(file_name).suffix.lower())
    if not document.text.strip():
        raise DocumentUnreadable("holds no text", "Put text into it, or leave it out.")
    return replace(document, title=one_line(document.title) or "untitled")


def _read(content: bytes, file_name: str, suffix: str) -> ReadDocument:
    name = PurePath(file_name).stem
    if content.startswith(b"%PDF-") or (suffix == ".pdf" and b"%PDF-" in content[:PDF_BEGINS_WITHIN]):
        from mdsa_server.knowledge.formats.pdf import read_pdf

        return read_pdf(content, name)
    if content.startswith(b"PK\x03\x04") and (suffix == ".docx" or b"word/document.xml" in content):
        from mdsa_server.knowledge.formats.docx import read_docx

        return read_docx(content, name)
    for beginning, reason, mend in UNREAD:
        if content.startswith(beginning):
            raise DocumentUnreadable(reason, mend)
    if suffix in NAMED:
        raise _misnamed(content, suffix)
    if suffix in HTML or LOOKS_LIKE_HTML.match(content[:2048]):
        from mdsa_server.knowledge.formats.html import read_html

        return read_html(content, name)
    return _read_text(decode(content), file_name, name, suffix)


def _misnamed(content: bytes, suffix: str) -> DocumentUnreadable:
    if LOOKS_LIKE_HTML.match(content[:2048]):
        # What a site sends in place of a file that it does not give to everybody.
        return DocumentUnreadable(
            f"is no {NAMED[suffix]} but a web page",
            "Download it again: a page that asks to sign in may have come instead. If the page is meant, "
            "have its name end in .html.",
        )
    return DocumentUnreadable(f"is no {NAMED[suffix]}, though its name says so", "Give it the ending of what it is.")


def _read_text(text: str, file_name: str, name: str, suffix: str) -> ReadDocument:
    from mdsa_server.knowledge.formats import source_code

    if suffix in MARKDOWN:
        from mdsa_server.knowledge.formats.markdown import read_markdown

        return read_markdown(text, name)
    if suffix in TABLES:
        from mdsa_server.knowledge.formats.table import read_table

        return read_table(text, name)
    if source_code.SUFFIX.fullmatch(suffix):
        return source_code.read_source_code(text, file_name)
    return ReadDocument(title=name, text=text, type="text")
