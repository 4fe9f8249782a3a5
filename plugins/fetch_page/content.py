"""What a server answered, as text: its type checked, unpacked within bounds, decoded by the encoding it names."""

from __future__ import annotations

import codecs
import re
import zlib
from contextlib import suppress
from dataclasses import dataclass

import httpcore

from mdsa_server.plugin_api import ToolRefused

HTML = frozenset(("text/html", "application/xhtml+xml"))
READABLE = HTML | {"text/plain", "text/markdown", "application/json"}
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE)
# Not UTF-8 nor Latin-1: pages that declare them often hold the other, and decoding tells which. Python would decode
# from more than these, some of which are no encodings of text, or slow.
DECLARABLE = re.compile(
    r"windows-\d+|cp\d+|iso-8859-(?!1$)\d+|koi8-[ru]|shift_jis|euc-(?:jp|kr)|iso-2022-jp|gbk|gb2312|gb18030|big5",
    re.IGNORECASE,
)
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Content:
    """The text of an answer, HTML as it was written."""

    url: str
    """Where it stands, after redirects."""
    is_html: bool
    text: str
    whole: bool
    """Whether there was no more than was read."""


def header(response: httpcore.Response, name: str) -> str:
    """Give a header's value, the first of several; empty where there is none."""
    values = (value for key, value in response.headers if key.lower() == name.encode())
    return next(values, b"").decode("utf-8", "replace").strip()


async def content_of(response: httpcore.Response, url: str, most: int) -> Content:
    """Read up to `most` bytes of an answer. Raises ToolRefused for what is no text, and httpcore's errors."""
    told = header(response, "content-type")
    kind = told.partition(";")[0].strip().lower()
    if kind not in READABLE:
        raise ToolRefused(f"the page is of the type {kind or 'none'!r}, not text", "Try a page with text.")
    body, whole = await _body(response, most)
    is_html = kind in HTML
    declared = CHARSET.search(told) or (CHARSET.search(body[:2048].decode("latin-1")) if is_html else None)
    return Content(url, is_html, _cleaned(_decoded(body, declared[1] if declared else "")), whole)


async def _body(response: httpcore.Response, most: int) -> tuple[bytes, bool]:
    """Read and unpack; what came and what it unpacks to are both bounded, since either may be endless."""
    packing = header(response, "content-encoding").lower()
    if packing not in ("", "identity", "gzip", "x-gzip"):
        raise ToolRefused(f"the page is packed as {packing!r}, which was not asked for", "Try another page.")
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16) if "gzip" in packing else None
    body = bytearray()
    came = 0
    async for chunk in response.aiter_stream():
        came += len(chunk)
        try:
            body += unpacking.decompress(chunk, most + 1 - len(body)) if unpacking else chunk
        except zlib.error as error:
            raise ToolRefused("the page is damaged: it cannot be unpacked", "Try another page.") from error
        if came > most or len(body) > most:
            return bytes(body[:most]), False
    return bytes(body), True


def _decoded(body: bytes, declared: str) -> str:
    """Decode by the byte order mark, else as declared, else as UTF-8 or Windows-1252; broken bytes become U+FFFD."""
    for mark, encoding in MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, "replace")
    if DECLARABLE.fullmatch(declared):
        with suppress(LookupError):
            return body.decode(declared, "replace")
    text = body.decode("utf-8", "replace")
    # What is not UTF-8 at all has hardly a byte above 127 that is valid by chance.
    damaged = text.count("\ufffd")
    intact = sum(1 for character in text if character > "\x7f") - damaged
    return body.decode("windows-1252", "replace") if damaged > intact else text


def _cleaned(text: str) -> str:
    """Make every line end a line feed, and other control characters spaces."""
    return CONTROL.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n"))
