"""Code in answers names its language and is coloured by what its words are, within bounds."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from mdsa_server.web.highlighting import BLOCK_CHARS, GROWING_CHARS, LANGUAGES, Budget, growing, highlighted
from mdsa_server.web.markdown import GrowingMarkdown, render_markdown


def test_a_block_names_its_language_and_its_words_are_told_apart() -> None:
    html = render_markdown('```py\ndef f():\n    return "a"  # why\n```\n')
    assert '<span class="language">Python</span>' in html
    assert '<span class="k">def</span>' in html
    assert '<span class="s">"a"</span>' in html
    assert '<span class="c"># why</span>' in html


def test_a_block_of_an_unknown_language_is_named_as_it_is_written_and_stays_plain() -> None:
    html = render_markdown("```brainf\n<+>\n```\n")
    assert '<span class="language">brainf</span>' in html
    assert "<code>&lt;+&gt;\n</code>" in html


@pytest.mark.parametrize("text", ["```\nplain\n```\n", "    plain\n"])
def test_a_block_without_a_language_can_be_copied_too(text: str) -> None:
    assert "data-copy-code" in render_markdown(text)
    assert "<code>plain\n</code>" in render_markdown(text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_code_of_every_language_is_coloured(language: str) -> None:
    code = '<a b="1">"text" 1 /* a */ # a\n-- a\n+ a\nif return def: 1\n'
    assert "<span" in highlighted(code, language, Budget())


@given(st.sampled_from(sorted(set(LANGUAGES))), st.text(alphabet="ab1 \n\t\"'`/*#$({<[=-\\%:.,;é", max_size=200))
@settings(deadline=None)
def test_colours_change_no_character_of_the_code(language: str, code: str) -> None:
    html = highlighted(code, language, Budget())
    assert Markup(re.sub(r"</?span[^>]*>", "", html)).unescape() == code


def test_of_a_long_block_the_beginning_is_coloured_and_all_is_shown() -> None:
    code = "return 1\n" * BLOCK_CHARS
    html = highlighted(code, "python", Budget())
    assert 0 < html.count('<span class="k">') <= BLOCK_CHARS / len("return 1\n")
    assert html.count("return") == BLOCK_CHARS


@pytest.mark.parametrize(
    ("language", "hostile"),
    [("java", "\n"), ("cpp", "\n"), ("csharp", "a\n\n"), ("typescript", "a."), ("python", "\r\n"), ("go", '"\\')],
)
def test_hostile_text_takes_no_longer_than_there_is_time_for(language: str, hostile: str) -> None:
    """Each of them keeps its lexer busy for seconds."""
    budget = Budget()
    began = time.thread_time()
    for _ in range(20):
        highlighted(hostile * BLOCK_CHARS, language, budget)
    assert time.thread_time() - began < 2.0


def test_a_growing_block_is_coloured_as_it_comes_and_of_a_long_one_the_beginning() -> None:
    grown = GrowingMarkdown()
    grown.grow("```python\nreturn 1\n")
    assert '<span class="k">return</span>' in grown.html()
    grown.grow("return 2\n" * GROWING_CHARS)
    assert 0 < grown.html().count('<span class="k">') <= GROWING_CHARS / len("return 2\n") + 1


def test_a_frame_of_a_growing_block_costs_little_more_than_what_is_new() -> None:
    code = "    if a[1] == f(b, 'c'):  # so\n" * (GROWING_CHARS // 20)
    highlighted(code, "cpp", growing())
    began = time.thread_time()
    for _ in range(100):
        highlighted(code, "cpp", growing())
    assert time.thread_time() - began < 0.5
