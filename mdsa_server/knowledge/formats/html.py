"""HTML: the text that a reader of the page sees, in blocks, without what surrounds it on every page."""

from __future__ import annotations

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from mdsa_server.knowledge.formats.characters import clean, decode, one_line
from mdsa_server.vocabulary.documents import Heading, ReadDocument

NEVER_SEEN = frozenset(
    [
        "head",
        "script",
        "style",
        "noscript",
        "template",
        "svg",
        "math",
        "iframe",
        "object",
        "canvas",
        "select",
        "datalist",
        "dialog",
    ]
)
AROUND = frozenset(("nav", "aside"))
# Those of an article are its own; those of the page are the site's.
AROUND_UNLESS_INSIDE = frozenset(("header", "footer"))
CONTENT = frozenset(("article", "main"))
LINES = frozenset(("li", "tr", "dt", "dd", "option", "summary", "caption", "figcaption"))
BLOCKS = frozenset(
    [
        "address",
        "article",
        "blockquote",
        "body",
        "center",
        "details",
        "div",
        "dl",
        "fieldset",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "html",
        "main",
        "menu",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "ul",
    ]
)
CELLS = frozenset(("td", "th"))
HEADING = re.compile(r"h[1-6]\Z")
DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_-]{2,40})""")
HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
SPACES = re.compile(r"[ \t\n\r\f]+")


def read_html(content: bytes, name: str) -> ReadDocument:
    """The title is the page's, else its first heading, else the name."""
    declared = DECLARED.search(content[:2048])
    page = LexborHTMLParser(decode(content, declared[1].decode() if declared else None))
    # A navigation that is never closed holds the whole page.
    text, headings = _visible(page, around=False)
    if not text:
        text, headings = _visible(page, around=True)
    told = page.css_first("title")
    title = one_line(told.text()) if told else ""
    return ReadDocument(
        title=title or (headings[0].text if headings else name), text=text, type="html", headings=headings
    )


def _visible(page: LexborHTMLParser, *, around: bool) -> tuple[str, tuple[Heading, ...]]:
    writing = _Writing()
    for node, begins in _walk(page.body, around):
        tag = node.tag or ""
        if tag == "-text":
            writing.write(node.text_content or "" if begins else "")
        elif tag == "br":
            writing.end_line()
        elif tag in CELLS:
            writing.cell(begins)
        elif tag in LINES:
            writing.end_line()
            if begins and tag == "li":
                writing.mark("- ")
        elif tag in BLOCKS:
            writing.end_block()
            if tag == "pre":
                writing.preformatted += 1 if begins else -1
            if HEADING.match(tag):
                writing.heading(int(tag[1]), begins)
    return writing.done()


def _walk(root: LexborNode | None, around: bool) -> Iterator[tuple[LexborNode, bool]]:
    """Give each visible node when it begins (True) and when it ends (False); no recursion, however deep it is."""
    node, inside = root, 0
    while node is not None:
        shown = _is_shown(node, around, inside)
        if shown:
            yield node, True
            inside += node.tag in CONTENT
        if shown and node.child is not None:
            node = node.child
            continue
        while node is not None:
            if shown:
                yield node, False
                inside -= node.tag in CONTENT
            if node.mem_id == (root.mem_id if root else None):
                return
            if node.next is not None:
                node = node.next
                break
            node, shown = node.parent, True


def _is_shown(node: LexborNode, around: bool, inside: int) -> bool:
    tag = node.tag or ""
    if tag == "-text":
        return True
    if tag.startswith(("-", "!")) or tag in NEVER_SEEN:
        return False
    if not around and (tag in AROUND or (tag in AROUND_UNLESS_INSIDE and not inside)):
        return False
    attributes = node.attributes
    if not attributes:
        return True
    return not (
        "hidden" in attributes
        or attributes.get("aria-hidden") == "true"
        or HIDDEN.search(attributes.get("style") or "")
    )


class _Writing:
    """The text as it grows: lines within blocks, blank lines between them."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._line: list[str] = []
        self._break = ""
        self._headings: list[Heading] = []
        self._begun: tuple[int, int] | None = None
        """The level of the heading at hand, and how many parts there were before it."""
        self._cells = 0
        self.preformatted = 0

    def write(self, text: str) -> None:
        self._line.append(text if self.preformatted else SPACES.sub(" ", text))

    def mark(self, mark: str) -> None:
        self._line.append(mark)

    def cell(self, begins: bool) -> None:
        if begins and any(part.strip() for part in self._line):
            self._line.append(" | ")

    def end_line(self) -> None:
        self._flush("\n")

    def end_block(self) -> None:
        self._flush("\n\n")

    def heading(self, level: int, begins: bool) -> None:
        if begins:
            self._begun = (level, len(self._parts))
        elif self._begun and self._begun[1] < len(self._parts):
            begun = self._begun[1]
            text = "".join(self._parts[begun:])
            start = self._length - len(text.lstrip("\n"))
            self._headings.append(Heading(start, self._begun[0], one_line(text)))
            self._begun = None

    def done(self) -> tuple[str, tuple[Heading, ...]]:
        self._flush("")
        return "".join(self._parts), tuple(self._headings)

    def _flush(self, ending: str) -> None:
        line = clean("".join(self._line))
        self._line.clear()
        # Outside of what is preformatted no line holds several spaces, whichever elements they came from.
        line = line.strip("\n") if self.preformatted else SPACES.sub(" ", line).strip(" ")
        if line.strip() and line.strip() != "-":
            part = f"{self._break}{line}" if self._parts else line
            self._parts.append(part)
            self._length += len(part)
            self._break = ending
        elif len(ending) > len(self._break):
            self._break = ending
