"""What kind of document a file is, is told by its beginning and its name."""

import io
from zipfile import ZipFile

import pytest

from mdsa_server.errors import DocumentUnreadable
from mdsa_server.knowledge.formats.choose import read_content
from tests.knowledge.making import docx, pdf

PDF = pdf("Owls")
DOCX = docx(lambda document: document.add_paragraph("Owls"))


@pytest.mark.parametrize(
    ("content", "name", "kind"),
    [
        (b"# Owls", "owls.md", "markdown"),
        (b"Owls", "owls.txt", "text"),
        (b"Owls", "Makefile", "text"),
        (b"Owls", "..", "text"),
        (b"<p>Owls", "owls.HTM", "html"),
        (b"\n<!-- a page --><!DOCTYPE html><p>Owls", "owls", "html"),
        (b"a,b\n1,2", "owls.csv", "csv"),
        (b"x = 1", "owls.py", "code"),
        (PDF, "owls.pdf", "pdf"),
        (PDF, "download", "pdf"),
        (DOCX, "owls.docx", "docx"),
        (DOCX, "download", "docx"),
    ],
)
def test_the_kind_is_told_by_the_beginning_and_then_by_the_name(content: bytes, name: str, kind: str) -> None:
    assert read_content(content, name).type == kind


def test_a_text_that_only_speaks_of_pdf_is_a_text() -> None:
    assert read_content(b"A file begins with %PDF-1.7", "formats.txt").type == "text"


def archive() -> bytes:
    out = io.BytesIO()
    with ZipFile(out, "w") as zipped:
        zipped.writestr("hello.txt", "hello")
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        (b"", "owls.md", "is empty"),
        (b" \n\t", "owls.md", "is empty"),
        (b"<p>", "owls.html", "holds no text"),
        (b",,\n,,", "owls.csv", "holds no text"),
        (archive(), "owls.odt", "is a ZIP archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "owls.doc", "is in an old Office format"),
        (b"{\\rtf1 owls}", "owls.rtf", "is in the format RTF"),
        (b"\x89PNG\r\n", "owls.png", "is a picture"),
        (b"\x7fELF\0\0", "owls", "is no text"),
        (b"Owls", "owls.pdf", "is damaged, or no PDF"),
        (b"Owls", "owls.docx", "is damaged, or no Word document"),
    ],
)
def test_what_cannot_be_read_says_why_and_how_to_mend_it(content: bytes, name: str, reason: str) -> None:
    with pytest.raises(DocumentUnreadable, match=reason) as caught:
        read_content(content, name)
    assert caught.value.mend
