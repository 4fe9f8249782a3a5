"""Small PDF and Word files, as tests need them."""

import io
import zlib
from collections.abc import Callable
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from docx import Document
from pypdf import PdfReader, PdfWriter


def pdf(*pages: str | bytes, title: str = "", outline: tuple[tuple[str, int], ...] = (), password: str = "") -> bytes:
    """A PDF whose pages show these lines, or have this content stream, already compressed.

    The outline names headings and their pages, counted from 0.
    """
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for page in pages:
        stream = zlib.compress(_shown(page)) if isinstance(page, str) else page
        length = len(stream)
        objects.append(b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (length, stream))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents %d 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>" % len(objects)
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%b] >>" % (len(kids), b" ".join(kids))
    out, places = io.BytesIO(b"%PDF-1.5\n"), []
    out.seek(0, io.SEEK_END)
    for number, content in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%b\nendobj\n" % (number, content))
    table = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.write(b"".join(b"%010d 00000 n \n" % place for place in places))
    out.write(b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table))
    return _finished(out.getvalue(), title, outline, password)


def docx(write: Callable[[Any], None]) -> bytes:
    """A Word document that `write` fills."""
    document = Document()
    document.core_properties.title = ""
    write(document)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def docx_of(xml: str) -> bytes:
    """A Word document with this as its main part, whatever it is."""
    out = io.BytesIO()
    with ZipFile(io.BytesIO(docx(lambda _: None))) as whole, ZipFile(out, "w", ZIP_DEFLATED) as made:
        for name in whole.namelist():
            made.writestr(name, xml if name == "word/document.xml" else whole.read(name))
    return out.getvalue()


def docx_bomb(size: int) -> bytes:
    """A small Word document that unpacks to so many bytes."""
    out = io.BytesIO()
    with ZipFile(io.BytesIO(docx(lambda _: None))) as whole, ZipFile(out, "w", ZIP_DEFLATED) as bomb:
        for name in whole.namelist():
            bomb.writestr(name, whole.read(name))
        with bomb.open("word/media/zeros.bin", "w") as part:
            for _ in range(size // 1_000_000):
                part.write(bytes(1_000_000))
    return out.getvalue()


def _shown(text: str) -> bytes:
    lines = b" ".join(b"(%b) Tj T*" % line.encode("latin-1") for line in text.split("\n"))
    return b"BT /F1 12 Tf 14 TL 50 700 Td %b ET" % lines


def _finished(content: bytes, title: str, outline: tuple[tuple[str, int], ...], password: str) -> bytes:
    if not (title or outline or password):
        return content
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(content)))
    if title:
        writer.add_metadata({"/Title": title})
    for heading, page in outline:
        writer.add_outline_item(title=heading, page_number=page)
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()
