"""Nothing that a browser is sent refers to another host, and vendored files tell their version and licence."""

import re

from tests.house.tree import ROOT

REFERENCE = re.compile(
    r"""(?:src|href|action|srcset|poster|hx-[a-z]+)\s*=\s*["']?\s*(?:[a-z]+:)?//"""
    r"""|url\(\s*["']?(?:[a-z]+:)?//|@import\s+["']?(?:[a-z]+:)?//|https?://(?!www\.w3\.org/)""",
    re.IGNORECASE,
)
"""An address of another host, in HTML, CSS or a script; the names of XML's vocabularies are none."""

LINK = re.compile(r"<a\s[^>]*>")
"""Where a person may choose to go; a browser asks for it only then."""

OURS = [
    path
    for folder in ("templates", "static")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.is_file() and "vendor" not in path.parts
]
VENDORED = sorted((ROOT / "static" / "vendor").iterdir())


def test_no_page_style_or_script_of_ours_asks_another_host() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): match.group()
        for path in OURS
        if (match := REFERENCE.search(LINK.sub("", path.read_text("utf-8"))))
    }
    assert found == {}


def test_the_search_for_other_hosts_finds_them() -> None:
    for text in (
        '<script src="//cdn.example/x.js">',
        "<img src=https://a.example/x.png>",
        "@import '//fonts.example/f.css'",
        "background: url(http://a.example/x.png)",
        'fetch("https://a.example")',
    ):
        assert REFERENCE.search(text), text
    assert not REFERENCE.search('<svg xmlns="http://www.w3.org/2000/svg"><a href="/chat">')


def test_a_vendored_file_has_its_version_in_its_name_and_its_licence_beside_it() -> None:
    versions = {re.search(r"^(.+?)-(\d+\.\d+\.\d+)", path.name) for path in VENDORED}
    assert None not in versions
    licensed = {path.name.removesuffix(".LICENSE.txt") for path in VENDORED if path.name.endswith(".LICENSE.txt")}
    assert {match.group() for match in versions if match} == licensed


def test_pages_have_no_inline_script_or_style() -> None:
    """The Content-Security-Policy forbids them, so one that slipped in would silently not work.

    Reports are files of their own, which no server sends; their style stands in them.
    """
    inline = re.compile(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", re.IGNORECASE)
    found = {
        path.relative_to(ROOT).as_posix(): match.group()
        for path in OURS
        if path.suffix == ".html"
        and path.parent.name != "reports"
        and (match := inline.search(path.read_text("utf-8")))
    }
    assert found == {}
