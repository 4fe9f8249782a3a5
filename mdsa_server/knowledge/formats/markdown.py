"""Markdown: the text stays as it was written, and its headings are found in it."""

from __future__ import annotations

import re
from itertools import accumulate, pairwise

from markdown_it import MarkdownIt

from mdsa_server.knowledge.formats.characters import one_line
from mdsa_server.vocabulary.documents import Heading, ReadDocument

FRONT_MATTER = re.compile(r"\A(---|\+\+\+)[ \t]*\n(?P<inside>.*?\n)?\1[ \t]*(?:\n|\Z)", re.DOTALL)
FRONT_TITLE = re.compile(r"^title[ \t]*[:=][ \t]*(?P<title>\S.*)$", re.MULTILINE)


def read_markdown(text: str, name: str) -> ReadDocument:
    """The title is the front matter's, else the first heading of the highest level, else the name."""
    front = FRONT_MATTER.match(text)
    # As blank lines, so that all that follows keeps its line: the parser would take it for a heading.
    body = "\n" * front.group().count("\n") + text[front.end() :] if front else text
    headings = _headings(body, text)
    titles = [heading.text for heading in headings if heading.level == 1]
    return ReadDocument(
        title=_front_title(front) or (titles[0] if titles else name),
        text=text,
        type="markdown",
        headings=headings,
    )


def _headings(body: str, text: str) -> tuple[Heading, ...]:
    blocks = MarkdownIt("commonmark")
    # What stands within the lines is not needed, and is where most of the time would go.
    blocks.core.ruler.enableOnly(["normalize", "block"])
    inline = MarkdownIt("commonmark")
    lines = list(accumulate((len(line) + 1 for line in text.split("\n")), initial=0))
    tokens = blocks.parse(body)
    return tuple(
        Heading(lines[token.map[0]], int(token.tag[1:]), _plain(inline, content.content))
        for token, content in pairwise(tokens)
        # Those inside quotes and lists divide the quote, not the document.
        if token.type == "heading_open" and token.map and token.level == 0
    )


def _plain(inline: MarkdownIt, source: str) -> str:
    """Give what is seen of a line of Markdown."""
    tokens = inline.parseInline(source[:1000])[0].children or []
    return one_line("".join(" " if token.type == "softbreak" else token.content for token in tokens))


def _front_title(front: re.Match[str] | None) -> str:
    found = FRONT_TITLE.search(front["inside"] or "") if front else None
    return one_line(found["title"].strip().strip("\"'")) if found else ""
