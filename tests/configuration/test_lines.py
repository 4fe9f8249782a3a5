"""Every key of a file is found on the line where it is written."""

import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st

from mdsa_server import bundled
from mdsa_server.configuration.lines import KeyPath, lines_of, paths_of, statements
from mdsa_server.vocabulary.toml_text import toml

KEYS = st.from_regex(r"[a-z]{1,3}[0-9]?", fullmatch=True)
TEXTS = st.text("aé\"'\\#[]= \n\t\u2028", max_size=8)
VALUES = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(toml),
    st.floats(allow_nan=False).map(toml),
    st.booleans().map(toml),
    TEXTS.map(toml),
    st.lists(TEXTS, max_size=3).map(toml),
    st.lists(TEXTS.map(toml), max_size=3).map(
        lambda items: "[\n" + "".join(f"  {item}, # ]\n" for item in items) + "]"
    ),
    st.lists(st.sampled_from(["", "[no.table]", "no = 1", "# no", "'''"]), max_size=4).map(
        lambda lines: '"""\n' + "\n".join(lines) + '"""'
    ),
)
TOKENS = st.sampled_from([*"[]{}=,#\\ \n\n\n'\"", "'''", '"""', "a", "b = ", "1", "[t]", "\\n", "\t"])
GAPS = st.lists(st.sampled_from(["", "# a comment", "#[a]", "  "]), max_size=2)


@st.composite
def files(draw: st.DrawFn) -> tuple[str, dict[KeyPath, int]]:
    """A file, and the lines on which it has its tables and keys."""
    lines: list[str] = []
    expected: dict[KeyPath, int] = {}
    tables = draw(st.dictionaries(st.sampled_from([("t",), ("u", "v"), ("u", "w")]), st.dictionaries(KEYS, VALUES)))
    for table, keys in {(): draw(st.dictionaries(KEYS, VALUES)), **tables}.items():
        lines += draw(GAPS)
        if table:
            for depth in range(1, len(table) + 1):
                expected.setdefault(table[:depth], len(lines) + 1)
            lines.append(f"[{'.'.join(table)}]")
        for key, value in keys.items():
            lines += draw(GAPS)
            expected[(*table, key)] = len(lines) + 1
            lines += f"{key} = {value}".split("\n")
    return "\n".join(lines), expected


@settings(max_examples=50)
@given(files())
def test_every_table_and_key_is_found_on_its_line(file: tuple[str, dict[KeyPath, int]]) -> None:
    text, expected = file
    assert lines_of(text) == expected
    assert "\n".join(statement.text for statement in statements(text)) == text


def readable(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


@settings(max_examples=500)
@given(st.lists(TOKENS, max_size=30).map("".join))
def test_a_statement_is_the_fewest_lines_that_can_be_read(text: str) -> None:
    cut = list(statements(text))
    assert "\n".join(statement.text for statement in cut) == text
    for statement in cut:
        lines = statement.text.split("\n")
        lengths = [end for end in range(1, len(lines) + 1) if readable("\n".join(lines[:end]))]
        assert lengths[:1] == ([] if statement.content is None else [len(lines)])


def test_a_list_of_thousands_of_lines_is_one_statement() -> None:
    examples = "".join(f'    "Question [{number}], \\"as asked\\"", # ]\n' for number in range(5_000))
    assert lines_of(f"[t]\nexamples = [\n{examples}]\nmodel = 'm'") == {
        ("t",): 1,
        ("t", "examples"): 2,
        ("t", "model"): 5_004,
    }


def test_keys_of_inline_tables_and_dotted_keys_are_found() -> None:
    text = "a = { b = { c = 1 }, d = 2 }\n[t]\ne.f = 3"
    found = lines_of(text)
    assert found["a", "b", "c"] == found["a", "d"] == 1
    assert found["t", "e", "f"] == 3
    assert found[("t",)] == 2


def test_tables_in_a_list_are_found_as_one_key() -> None:
    assert lines_of("[[a]]\nb = 1\n[[a]]\nb = 2") == {("a",): 1, ("a", "b"): 2}


def test_a_statement_that_never_ends_takes_the_rest_of_the_file() -> None:
    *_, last = statements('a = 1\nb = [\n  1,\n\n[c]\nd = "x"')
    assert (last.line, last.content) == (2, None)


def test_every_key_of_the_reference_file_is_found() -> None:
    text = bundled.reference_configuration().read_text("utf-8")
    found = lines_of(text)
    assert set(found) == set(paths_of(tomllib.loads(text)))
    lines = text.splitlines()
    for path, line in found.items():
        assert path[-1] in lines[line - 1], path
