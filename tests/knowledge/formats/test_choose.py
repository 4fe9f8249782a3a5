"""What kind of document a file is, is told by its beginning, and among texts by its name."""

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
        (PDF, "owls.txt", "pdf"),
        (PDF, "owls.docx", "pdf"),
        (DOCX, "owls.pdf", "docx"),
        (DOCX, "owls.html", "docx"),
        (b"<!DOCTYPE html><p>Owls", "owls.txt", "html"),
        # Several at once: what it begins with is what it is.
        (PDF + DOCX, "owls.html", "pdf"),
        (b"%junk before it\n" + PDF, "owls.pdf", "pdf"),
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
        (archive(), "owls.txt", "is a ZIP archive"),
        (archive(), "owls.pdf", "is a ZIP archive"),
        (archive(), "owls.docx", "is damaged, or no Word document"),
        (b"\x7fELF\2\1\1" + bytes(64), "owls.txt", "is a program"),
        (b"MZ\x90\0\3" + bytes(64), "owls.md", "is no text"),
        (b"GIF89a=1;/*" + bytes(20) + b"*/alert(1)//<!DOCTYPE html>", "owls.html", "is a picture"),
        (b"Owls", "owls.pdf", "is no PDF, though its name says so"),
        (b"Owls" + bytes(2000) + PDF, "owls.pdf", "is no PDF"),
        (b"Owls", "owls.docx", "is no Word document, though its name says so"),
        (b"<html>Sign in, please", "owls.pdf", "is no PDF but a web page"),
        (b"<html>Sign in, please", "owls.docx", "is no Word document but a web page"),
    ],
)
def test_what_cannot_be_read_says_why_and_how_to_mend_it(content: bytes, name: str, reason: str) -> None:
    with pytest.raises(DocumentUnreadable, match=reason) as caught:
        read_content(content, name)
    assert caught.value.mend
