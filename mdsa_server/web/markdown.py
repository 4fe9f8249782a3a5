"""Markdown, as models write it, to HTML that can do no harm."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock, reference
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup, escape

from mdsa_server.vocabulary.citations import CITATION, numbers_in
from mdsa_server.web.highlighting import CLASSES, Budget, growing, highlighted, language_of

TAGS = {
    *("p", "br", "hr", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li"),
    *("strong", "em", "s", "code", "pre", "a", "figure", "figcaption", "span", "button", "div"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
# What the parser takes for the end of a line, which is less than what Python does.
LINE_END = re.compile(r"(?<=\n)|(?<=\r)(?!\n)")
SCROLLS = {"role", "aria-label", "tabindex"}
"""What is wide scrolls in itself, and can be reached by keyboard to do so."""
ATTRIBUTES = {
    "a": {"href", "title"},
    "ol": {"start"},
    "button": {"type", "data-copy-code"},
    "pre": SCROLLS,
    "div": SCROLLS,
}
ALLOWED_CLASSES = {
    "a": {"citation"},
    "figure": {"code"},
    "div": {"table"},
    "button": {"copy"},
    "span": {*CLASSES.values(), "language"},
    "th": {"align-left", "align-right", "align-center"},
    "td": {"align-left", "align-right", "align-center"},
}


class Citable(NamedTuple):
    """The passages that an answer may cite: their numbers, and where on the page they stand."""

    numbers: frozenset[int]
    anchor: str
    """What their anchors begin with; the number follows."""


NOTHING = Citable(frozenset(), "")


def render_markdown(text: str, citable: Citable = NOTHING, budget: Budget | None = None) -> Markup:
    """Render a whole text; the numbers of passages that it cites become links, and words of code are coloured."""
    return _safe(_parser().render(text, {"citable": citable, "budget": budget or Budget()}))


class GrowingMarkdown:
    """A text that grows at its end, as an answer does while it is streamed.

    Only the last block of Markdown can still change, so only that is rendered anew each time. What was said of
    earlier blocks may be mended by the whole text (a link whose address comes last): render that at the end.
    """

    def __init__(self, citable: Citable = NOTHING) -> None:
        self.citable = citable
        self._settled = Markup("")
        self._open = ""

    def grow(self, text: str) -> None:
        self._open += text

    def html(self) -> Markup:
        """Give the HTML of all that has come, and set aside what is settled."""
        settled, self._open = _split_last_block(self._open, self.citable)
        if settled:
            self._settled += render_markdown(settled, self.citable)
        return self._settled + render_markdown(self._open, self.citable, growing())


def _split_last_block(text: str, citable: Citable) -> tuple[str, str]:
    """Part a text before the last top-level block that has a whole line: what is less may yet join the one before."""
    lines = LINE_END.split(text)
    tokens = _parser().parse(text, {"citable": citable})
    starts = [token.map[0] for token in tokens if token.level == 0 and token.map]
    last = max((start for start in starts if start < len(lines) - 1), default=0)
    return "".join(lines[:last]), "".join(lines[last:])


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": False})
    # An image would have the reader's browser ask another host; its text and address stay, as a link.
    parser.enable(["table", "strikethrough"]).disable("image")
    parser.core.ruler.push("fit_the_page", _fit_the_page)
    parser.core.ruler.push("cite", _cite)
    parser.block.ruler.at("reference", _reference)
    parser.add_render_rule("fence", _code)
    parser.add_render_rule("code_block", _code)
    parser.add_render_rule("table_open", _table_open)
    parser.add_render_rule("table_close", _table_close)
    # What it makes ready when first used must be ready before two threads use it.
    parser.render("A *first* text.")
    return parser


def _code(_: RendererHTML, tokens: Sequence[Token], place: int, options: OptionsDict, env: EnvType) -> str:
    """Show code with its language and a button that copies it; the button takes what is shown."""
    token = tokens[place]
    language = escape(language_of(token.info))
    label = f"Code, {language}" if language else "Code"
    return (
        f'<figure class="code"><figcaption><span class="language">{language}</span>'
        '<button type="button" class="copy" data-copy-code=""><span>Copy</span></button></figcaption>'
        f'<pre role="group" aria-label="{label}" tabindex="0">'
        f"<code>{highlighted(token.content, token.info, env['budget'])}</code></pre></figure>\n"
    )


def _table_open(*_: object) -> str:
    return '<div class="table" role="group" aria-label="Table" tabindex="0"><table>\n'


def _table_close(*_: object) -> str:
    return "</table></div>\n"


def _fit_the_page(state: StateCore) -> None:
    """Put headings below the page's own, and say alignment by class, since the page allows no inline style."""
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 2, 6)}"
        elif token.type in ("th_open", "td_open") and (style := _pop(token, "style")):
            token.attrSet("class", f"align-{style.removeprefix('text-align:')}")


def _reference(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Take a definition of a link, but not for a number: that cites a passage, whatever an answer says of it."""
    citable: Citable = state.env.get("citable", NOTHING)
    first = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]
    if citable.numbers and CITATION.match(first):
        return False
    return reference(state, start, end, silent)


def _cite(state: StateCore) -> None:
    """Make links of the numbers of passages, but not in code, nor in what is a link already."""
    citable: Citable = state.env.get("citable", NOTHING)
    if not citable.numbers:
        return
    for inline in state.tokens:
        if inline.type == "inline" and inline.children:
            inside, made = 0, list[Token]()
            for token in inline.children:
                inside += {"link_open": 1, "link_close": -1}.get(token.type, 0)
                made += _with_links(token, citable) if token.type == "text" and not inside else [token]
            inline.children = made


def _with_links(token: Token, citable: Citable) -> Iterator[Token]:
    rest = 0
    for match in CITATION.finditer(token.content):
        numbers = numbers_in(match[1], citable.numbers)
        if not numbers:
            continue
        yield _text(token.content[rest : match.start()])
        for number in numbers:
            attributes: dict[str, str | int | float] = {"href": f"#{citable.anchor}{number}", "class": "citation"}
            yield Token("link_open", "a", 1, attrs=attributes)
            yield _text(str(number))
            yield Token("link_close", "a", -1)
        rest = match.end()
    yield _text(token.content[rest:])


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _pop(token: Token, name: str) -> str:
    return str(token.attrs.pop(name, ""))


def _safe(html: str) -> Markup:
    """Keep known tags and attributes only: the parser lets no HTML through, and this holds if it errs."""
    return Markup(  # noqa: S704  # what nh3 has cleaned is what may be marked as safe
        nh3.clean(
            html,
            tags=TAGS,
            attributes=ATTRIBUTES,
            allowed_classes=ALLOWED_CLASSES,
            url_schemes={"http", "https", "mailto"},
            link_rel="noopener noreferrer nofollow",
        )
    )
