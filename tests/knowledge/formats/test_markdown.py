"""Markdown keeps its source text, and its headings are found where they stand."""

import pytest

from mdsa_server.knowledge.formats.markdown import read_markdown
from mdsa_server.vocabulary.documents import Heading

PAGE = """---
title: "All about owls"
---
Before.

# Owls *at* `night`

They see well.

```
# no heading
```

> # quoted

Eyes
----
Large.
"""


def test_the_text_stays_as_it_was_written() -> None:
    assert read_markdown(PAGE, "owls").text == PAGE


def test_headings_have_the_offsets_of_their_lines_and_the_words_that_are_seen() -> None:
    assert read_markdown(PAGE, "owls").headings == (
        Heading(PAGE.index("# Owls"), 1, "Owls at night"),
        Heading(PAGE.index("Eyes"), 2, "Eyes"),
    )


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (PAGE, "All about owls"),
        ("+++\ntitle = 'In TOML'\n+++\n# Other\n", "In TOML"),
        ("## Small\n# Large\n", "Large"),
        ("---\nnot closed: yes\n\n# Owls\n", "Owls"),
        ("---\ntitle:\nauthor: me\n---\n", "name"),
        ("just text", "name"),
    ],
)
def test_the_title_is_the_front_matters_or_the_highest_headings_or_the_name(text: str, title: str) -> None:
    assert read_markdown(text, "name").title == title


def test_front_matter_is_no_heading() -> None:
    assert read_markdown("---\ntitle: x\n---\n\ntext\n", "name").headings == ()


@pytest.mark.parametrize("hostile", [">" * 50_000 + "# x", "* " * 50_000, "[" * 50_000, "# " + "*a_" * 30_000])
def test_hostile_nesting_is_read_all_the_same(hostile: str) -> None:
    assert read_markdown(hostile, "name").text == hostile
