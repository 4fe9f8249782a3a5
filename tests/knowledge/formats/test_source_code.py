"""Source code keeps its text; what it defines at its outermost level are its headings."""

import pytest

from mdsa_server.knowledge.formats.source_code import read_source_code

PYTHON = '''"""About owls."""

import os

# Nocturnal.
@dataclass(frozen=True)
class Owl:
    def hoot(self) -> None: ...


async def listen() -> None:
    def inner(): ...
'''


def test_a_definition_begins_with_its_comments_and_decorators() -> None:
    headings = read_source_code(PYTHON, "owls.py").headings
    assert [(each.start, each.text) for each in headings] == [
        (PYTHON.index("# Nocturnal"), "class Owl"),
        (PYTHON.index("async def listen"), "def listen"),
    ]


@pytest.mark.parametrize(
    ("line", "heading"),
    [
        ("export default async function hoot() {", "function hoot"),
        ("export abstract class Owl<T> {", "class Owl"),
        ("pub(crate) struct Owl {", "struct Owl"),
        ("impl<T> Owl for T {", "impl Owl"),
        ("func (o *Owl) Hoot() {", "func Hoot"),
        ("public sealed interface Owl {", "interface Owl"),
        ("defmodule Owls.Barn do", "defmodule Owls.Barn"),
    ],
)
def test_definitions_are_found_in_many_languages(line: str, heading: str) -> None:
    assert [each.text for each in read_source_code(f"x = 1\n{line}\n", "owls.x").headings] == [heading]


def test_tables_are_the_headings_of_sql() -> None:
    text = "-- birds\nCREATE TABLE owls (kind text);\nselect 1;\n"
    assert [(each.start, each.text) for each in read_source_code(text, "o.sql").headings] == [(0, "table owls")]


def test_definitions_one_after_the_other_keep_their_order() -> None:
    headings = read_source_code("# a\ndef a(): ...\n# b\ndef b(): ...\n", "o.py").headings
    assert [(each.start, each.text) for each in headings] == [(0, "def a"), (17, "def b")]


def test_the_title_is_the_files_name_with_what_tells_the_language() -> None:
    assert read_source_code("", "owls.py").title == "owls.py"


@pytest.mark.parametrize("hostile", ["export " * 50_000, "func (" * 50_000, "class <" * 50_000, "#\n" * 50_000])
def test_hostile_lines_are_read_in_no_time(hostile: str) -> None:
    assert read_source_code(hostile, "o.py").headings == ()
