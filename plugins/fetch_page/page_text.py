"""The program that reads one page's HTML: `python page_text.py CHARS MEMORY SECONDS`, HTML on stdin, JSON on stdout.

It is run, not imported: parsers of HTML take minutes, or all memory, for a page that is made for that.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import suppress

from selectolax.lexbor import LexborHTMLParser, LexborNode

NEVER_SEEN = re.compile(
    "-.*|!.*|head|script|style|noscript|template|svg|math|iframe|object|canvas|select|datalist|dialog", re.DOTALL
)
AROUND = frozenset(("nav", "aside"))
# Those of an article are its own; those of the page are the site's.
AROUND_UNLESS_INSIDE = frozenset(("header", "footer"))
CONTENT = frozenset(("article", "main"))
LINES = frozenset(("br", "li", "tr", "dt", "dd", "caption", "figcaption", "summary"))
BLOCKS = re.compile(
    "address|article|aside|blockquote|body|details|div|dl|fieldset|figure|footer|form|h[1-6]|header|hr|main|nav|ol|p|pre|"
    "section|table|ul"
)
MARKS = {"li": "- "} | {f"h{level}": f"{'#' * level} " for level in range(1, 7)}
SPACES = re.compile(r"[ \t\n\r\f\xa0]+")


def main() -> None:
    """Read stdin within the limits of the arguments; they are for this process alone."""
    chars, memory, seconds = (int(argument) for argument in sys.argv[1:])
    _limit(memory, seconds)
    page = LexborHTMLParser(sys.stdin.buffer.read().decode())
    title = page.css_first("title")
    text, whole = _text(page.body, chars, around=False)
    if not text:
        # A navigation that is never closed holds the whole page.
        text, whole = _text(page.body, chars, around=True)
    told = {"title": " ".join(title.text().split())[:200] if title else "", "text": text, "whole": whole}
    sys.stdout.write(json.dumps(told))


def _text(body: LexborNode | None, most: int, *, around: bool) -> tuple[str, bool]:
    """Give the text that a reader sees, in lines and blocks, up to `most` characters; False where there is more."""
    parts: list[str] = []
    line: list[str] = []
    length = preformatted = 0
    gap = mark = ""
    for node, begins in _visible(body, around):
        tag = node.tag or ""
        if tag == "-text":
            if begins:
                written = node.text_content or ""
                line.append(written if preformatted else SPACES.sub(" ", written))
        elif tag in LINES or BLOCKS.fullmatch(tag):
            joined = "".join(line)
            joined = joined.strip("\n") if preformatted else SPACES.sub(" ", joined).strip()
            line.clear()
            if joined.strip():
                parts.append(f"{gap if parts else ''}{mark}{joined}")
                length += len(parts[-1])
                if length > most:
                    return "".join(parts)[:most], False
                gap = mark = ""
            gap = "\n" if tag in LINES and gap != "\n\n" else "\n\n"
            preformatted += (1 if begins else -1) if tag == "pre" else 0
            mark = MARKS.get(tag, mark) if begins else ""
        elif tag in ("td", "th") and begins and any(part.strip() for part in line):
            line.append(" | ")
    return "".join(parts), True


def _visible(root: LexborNode | None, around: bool) -> Iterator[tuple[LexborNode, bool]]:
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
            if root is None or node.mem_id == root.mem_id:
                return
            if node.next is not None:
                node = node.next
                break
            node, shown = node.parent, True


def _is_shown(node: LexborNode, around: bool, inside: int) -> bool:
    tag = node.tag or ""
    if tag == "-text":
        return True
    if NEVER_SEEN.fullmatch(tag) or (not around and (tag in AROUND or (tag in AROUND_UNLESS_INSIDE and not inside))):
        return False
    attributes = node.attributes
    return not ("hidden" in attributes or attributes.get("aria-hidden") == "true")


def _limit(memory: int, seconds: int) -> None:
    # Windows has no such limits, and macOS refuses some: there whoever started this ends it in time.
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


if __name__ == "__main__":
    main()
