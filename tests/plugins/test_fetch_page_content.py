"""What `fetch_page` makes of what a server sends: of every size, packing, type and encoding."""

import asyncio
import gzip
import tracemalloc
from typing import Any

import pytest

from mdsa_server.plugin_api import ToolRefused
from tests.plugins.page_fetching import fetcher, read
from tests.plugins.page_server import Answer, answer, serving

GOES_ON = "[The page goes on; this is its beginning.]"


async def given(sent: Answer, **bounds: Any) -> str:
    """The text of a page, without what stands before it."""
    async with serving({"/": sent}) as server:
        result = await read(fetcher(server.port, **bounds), f"http://pages.test:{server.port}/")
    return result.partition("\n\n")[2]


def endless(begun: bytes, chunk: bytes) -> Answer:
    async def send(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n" + begun)
        while True:
            writer.write(chunk)
            await writer.drain()

    return send


# --- size


async def test_of_an_endless_page_the_beginning_is_read() -> None:
    text = await given(endless(b"Content-Type: text/plain\r\n\r\n", b"on and on "), max_bytes=95)
    assert text == f"{('on and on ' * 10)[:95]}\n\n{GOES_ON}"


async def test_a_page_that_fits_exactly_is_whole() -> None:
    assert await given(answer(b"x" * 100, "text/plain"), max_bytes=100) == "x" * 100


async def test_a_packed_page_is_unpacked() -> None:
    assert await given(answer(gzip.compress(b"<p>packed"), content_encoding="gzip")) == "packed"


async def test_a_bomb_is_cut_where_it_has_unpacked_to_what_may_be_read() -> None:
    bomb = gzip.compress(b"boom " * 20_000_000, compresslevel=9)
    assert len(bomb) < 500_000
    tracemalloc.start()
    try:
        text = await given(answer(bomb, "text/plain", content_encoding="gzip"), max_bytes=1_000_000)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert text.startswith("boom boom ")
    assert text.endswith(GOES_ON)
    assert most < 20_000_000


async def test_what_unpacks_to_nothing_without_end_is_cut_too() -> None:
    # A header and then empty blocks of deflate, which are never the last.
    begun = b"Content-Type: text/plain\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"")[:10]
    assert await given(endless(begun, b"\x00\x00\x00\xff\xff" * 100)) == f"(no text)\n\n{GOES_ON}"


@pytest.mark.parametrize("body", [b"no gzip at all", gzip.compress(b"x", mtime=0)[:-8] + b"\0" * 8])
async def test_a_damaged_packing_is_refused(body: bytes) -> None:
    with pytest.raises(ToolRefused, match="cannot be unpacked"):
        await given(answer(body, content_encoding="gzip"))


async def test_a_packing_that_was_not_asked_for_is_refused() -> None:
    with pytest.raises(ToolRefused, match="packed as 'br'"):
        await given(answer(b"x", content_encoding="br"))


async def test_endless_headers_are_refused() -> None:
    with pytest.raises(ToolRefused, match="cannot be read from"):
        await given(endless(b"Content-Type: text/html\r\n", b"X-More: and more\r\n"))


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\ncut off",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_a_server_that_breaks_off_or_talks_otherwise_is_refused(sent: bytes) -> None:
    with pytest.raises(ToolRefused, match=r"pages\.test cannot be read from"):
        await given(sent)


# --- type


@pytest.mark.parametrize("kind", ["text/plain", "text/markdown; charset=utf-8", "application/json", "TEXT/PLAIN"])
async def test_text_is_given_as_it_is(kind: str) -> None:
    assert await given(answer(b"# <b>kept</b>\r\nline", kind)) == "# <b>kept</b>\nline"


@pytest.mark.parametrize("kind", ["text/html", "application/xhtml+xml; charset=utf-8"])
async def test_html_is_read(kind: str) -> None:
    assert await given(answer(b"<p>read", kind)) == "read"


@pytest.mark.parametrize("kind", ["application/pdf", "image/png", "application/octet-stream", "text/htmlx", ""])
async def test_another_type_is_refused_by_name(kind: str) -> None:
    with pytest.raises(ToolRefused, match=f"of the type '{kind or 'none'}'"):
        await given(answer(b"x", kind))


async def test_an_empty_page_is_said_to_be_empty() -> None:
    assert await given(answer(b"<script>only()</script>")) == "(no text)"


# --- encoding


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("größer".encode(), "text/plain"),
        ("größer".encode(), "text/plain; charset=iso-8859-1"),
        ("größer".encode("latin-1"), "text/plain"),
        ("größer".encode("latin-1"), "text/plain; charset=ISO-8859-1"),
        ("größer".encode("utf-16"), "text/plain"),
        ("\ufeffgrößer".encode(), "text/plain; charset=windows-1252"),
        ("größer".encode("cp850"), "text/plain; charset=cp850"),
        ("<meta charset='iso-8859-15'><p>größer".encode("iso-8859-15"), "text/html"),
        ("größer".encode(), "text/plain; charset=no-such"),
        ("größer".encode(), "text/plain; charset=windows-0"),
        ("größer".encode(), "text/plain; charset=unicode_escape"),
        ("größer".encode(), "text/plain; charset=hex"),
    ],
)
async def test_a_page_is_decoded_by_what_it_is_not_only_by_what_it_says(body: bytes, kind: str) -> None:
    assert await given(answer(body, kind)) == "größer"


async def test_broken_bytes_do_not_break_the_page() -> None:
    assert (
        await given(answer("größer und größer ".encode() + b"\xff\x00.", "text/plain")) == "größer und größer \ufffd ."
    )
