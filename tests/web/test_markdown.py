"""Markdown is rendered, tamed, and rendered as it grows."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdsa_server.web.markdown import Citable, GrowingMarkdown, render_markdown


def grown(pieces: list[str]) -> str:
    growing = GrowingMarkdown()
    html = ""
    for piece in pieces:
        growing.grow(piece)
        html = str(growing.html())
    return html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[click](javascript:alert(1))",
        "<javascript:alert(1)>",
        "![see](https://elsewhere.example/track.png)",
        '<div hx-get="/chat" hx-trigger="load">',
    ],
)
def test_nothing_that_a_model_writes_can_act_or_fetch(text: str) -> None:
    html = str(render_markdown(text))

    assert "<script" not in html
    assert "<img" not in html
    assert "<div" not in html
    assert 'href="javascript' not in html


def test_an_image_becomes_a_link_that_the_reader_may_follow() -> None:
    assert 'href="https://elsewhere.example/a.png"' in render_markdown("![see](https://elsewhere.example/a.png)")


def test_links_do_not_tell_the_other_site_where_they_were() -> None:
    assert 'rel="noopener noreferrer nofollow"' in render_markdown("[a](https://elsewhere.example)")


def test_headings_come_below_those_of_the_page() -> None:
    assert render_markdown("# One\n\n###### Six") == "<h3>One</h3>\n<h6>Six</h6>\n"


def test_the_alignment_of_a_table_is_told_by_class_since_inline_styles_are_forbidden() -> None:
    html = render_markdown("| a | b |\n|--:|:-:|\n| 1 | 2 |\n")

    assert '<td class="align-right">1</td>' in html
    assert '<td class="align-center">2</td>' in html
    assert "style" not in html


MARKDOWN = st.text(alphabet="ab \n\n\n\r\t#-*`~|>1.:_<&=+)\\", max_size=60)


@settings(max_examples=300)
@given(st.lists(MARKDOWN, min_size=1, max_size=6))
def test_a_text_that_grew_reads_as_if_it_had_come_at_once(pieces: list[str]) -> None:
    assert grown(pieces) == str(render_markdown("".join(pieces)))


THREE = Citable(frozenset({1, 2, 3}), "source-t-")


def link(number: int) -> str:
    return f'<a href="#source-t-{number}" class="citation" rel="noopener noreferrer nofollow">{number}</a>'


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Oil it [1].", f"<p>Oil it {link(1)}.</p>"),
        ("Oil it [1, 3] or [2][3]", f"<p>Oil it {link(1)}{link(3)} or {link(2)}{link(3)}</p>"),
        ("Oil it [1-3] or [2–3]", f"<p>Oil it {link(1)}{link(2)}{link(3)} or {link(2)}{link(3)}</p>"),
        ("Oil it [1-2; 3]", f"<p>Oil it {link(1)}{link(2)}{link(3)}</p>"),
        ("Not [0-9], [3-1] or [2-4]", "<p>Not [0-9], [3-1] or [2-4]</p>"),
        ("**Oil it [2]**", f"<p><strong>Oil it {link(2)}</strong></p>"),
        ("Not [4], [0] or [1, 9]", "<p>Not [4], [0] or [1, 9]</p>"),
        ("`list[1]`", "<p><code>list[1]</code></p>"),
    ],
)
def test_the_numbers_of_passages_become_links_and_others_stay(text: str, html: str) -> None:
    assert str(render_markdown(text, THREE)).strip() == html


@pytest.mark.parametrize("definition", ["[1]: http://evil.example", "   [1]: http://evil.example 'x'", "> [1]: /x"])
def test_a_definition_of_a_link_takes_no_number_from_its_passage(definition: str) -> None:
    for text in (f"Oil it [1].\n\n{definition}", f"{definition}\n\nOil it [1]."):
        html = str(render_markdown(text, THREE))
        assert f"Oil it {link(1)}." in html
        assert 'href="http://evil.example"' not in html
        assert html.count(link(1)) == 2, "what it says is shown, and not hidden"
        growing = GrowingMarkdown(THREE)
        growing.grow(text)
        assert growing.html() == html


def test_other_definitions_of_links_are_taken() -> None:
    assert 'href="https://a.example/"' in render_markdown(
        "See [the manual].\n\n[the manual]: https://a.example/", THREE
    )
    assert 'href="https://a.example/"' in render_markdown("See [1].\n\n[1]: https://a.example/"), "it cites nothing"


def test_what_the_model_was_not_given_is_no_citation_though_others_around_it_are() -> None:
    gap = Citable(frozenset({1, 3}), "source-t-")
    assert str(render_markdown("[1], [2], [1-3]", gap)).strip() == f"<p>{link(1)}, [2], {link(1)}{link(3)}</p>"


def test_a_link_with_a_number_stays_a_link() -> None:
    assert 'href="https://a.example/"' in render_markdown("[1](https://a.example/)", THREE)
    assert "citation" not in render_markdown("[1](https://a.example/)", THREE)


def test_without_passages_no_number_is_a_citation() -> None:
    assert str(render_markdown("See [1].")).strip() == "<p>See [1].</p>"


@given(st.text(alphabet="[]0123456789, ab`*-\n", max_size=60))
def test_no_citation_leads_nowhere(text: str) -> None:
    html = str(render_markdown(text, THREE))
    assert html.count('class="citation"') == sum(html.count(f'href="#source-t-{number}"') for number in (1, 2, 3))
