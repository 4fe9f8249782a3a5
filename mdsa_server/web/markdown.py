"""Markdown, as models write it, to HTML that can do no harm."""

import re
from functools import cache

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markupsafe import Markup

TAGS = {
    *("p", "br", "hr", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li"),
    *("strong", "em", "s", "code", "pre", "a"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
# What the parser takes for the end of a line, which is less than what Python does.
LINE_END = re.compile(r"(?<=\n)|(?<=\r)(?!\n)")
ATTRIBUTES = {"a": {"href", "title"}, "code": {"class"}, "ol": {"start"}, "th": {"class"}, "td": {"class"}}


def render_markdown(text: str) -> Markup:
    """Render a whole text."""
    return _safe(_parser().render(text))


class GrowingMarkdown:
    """A text that grows at its end, as an answer does while it is streamed.

    Only the last block of Markdown can still change, so only that is rendered anew each time. What was said of
    earlier blocks may be mended by the whole text (a link whose address comes last): render that at the end.
    """

    def __init__(self) -> None:
        self._settled = Markup("")
        self._open = ""

    def grow(self, text: str) -> None:
        self._open += text

    def html(self) -> Markup:
        """Give the HTML of all that has come, and set aside what is settled."""
        settled, self._open = _split_last_block(self._open)
        if settled:
            self._settled += render_markdown(settled)
        return self._settled + render_markdown(self._open)


def _split_last_block(text: str) -> tuple[str, str]:
    """Part a text before the last top-level block that has a whole line: what is less may yet join the one before."""
    lines = LINE_END.split(text)
    starts = [token.map[0] for token in _parser().parse(text) if token.level == 0 and token.map]
    last = max((start for start in starts if start < len(lines) - 1), default=0)
    return "".join(lines[:last]), "".join(lines[last:])


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": False})
    # An image would have the reader's browser ask another host; its text and address stay, as a link.
    parser.enable(["table", "strikethrough"]).disable("image")
    parser.core.ruler.push("fit_the_page", _fit_the_page)
    # What it makes ready when first used must be ready before two threads use it.
    parser.render("A *first* text.")
    return parser


def _fit_the_page(state: StateCore) -> None:
    """Put headings below the page's own, and say alignment by class, since the page allows no inline style."""
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 2, 6)}"
        elif token.type in ("th_open", "td_open") and (style := _pop(token, "style")):
            token.attrSet("class", f"align-{style.removeprefix('text-align:')}")


def _pop(token: Token, name: str) -> str:
    return str(token.attrs.pop(name, ""))


def _safe(html: str) -> Markup:
    """Keep known tags and attributes only: the parser lets no HTML through, and this holds if it errs."""
    return Markup(  # noqa: S704  # what nh3 has cleaned is what may be marked as safe
        nh3.clean(
            html,
            tags=TAGS,
            attributes=ATTRIBUTES,
            url_schemes={"http", "https", "mailto"},
            link_rel="noopener noreferrer nofollow",
        )
    )
