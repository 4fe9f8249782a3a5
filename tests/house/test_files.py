"""Each file says what it is for, fits in a head, and gives a reason for every exemption."""

import ast
import re

from tests.house.tree import source_files

LONGEST = 300
LONGER = {
    "mdsa_server/errors.py": "every error of ours, in one tree",
    "mdsa_server/settings.py": "the keys of mdsa.toml, all of them, in its order",
}
"""Files with more lines than that, and why they may."""

SHAPELESS = {"utils", "util", "helpers", "helper", "common", "misc"}

EXEMPTION = re.compile(r"# (?:noqa|type: ignore)(?P<codes>[^#]*)(?P<reason>#.*)?$")

FILES = [file for file in source_files() if file.text.strip()]


def test_a_file_opens_with_a_sentence_that_says_what_it_is_for() -> None:
    openings = {file.name: (ast.get_docstring(file.tree) or "").partition("\n\n")[0] for file in FILES}
    assert [name for name, opening in openings.items() if not opening.endswith((".", ":", "?"))] == []


def test_a_file_fits_in_a_head() -> None:
    lengths = {file.name: file.text.count("\n") for file in FILES}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST and name not in LONGER} == {}


def test_no_file_is_excused_for_a_length_it_no_longer_has() -> None:
    lengths = {file.name: file.text.count("\n") for file in FILES}
    assert [name for name in LONGER if lengths.get(name, 0) <= LONGEST] == []


def test_a_name_says_what_is_inside() -> None:
    assert [file.name for file in FILES if {file.path.stem, file.path.parent.name} & SHAPELESS] == []


def test_every_exemption_from_a_check_names_the_rule_and_gives_its_reason() -> None:
    """The reason stands behind the mark; where a file exempts from one rule again, it is given once."""
    bare = []
    for file in FILES:
        given: set[str] = set()
        for number, line in enumerate(file.text.splitlines(), start=1):
            if exemption := EXEMPTION.search(line):
                codes = exemption["codes"].strip()
                if exemption["reason"]:
                    given.add(codes)
                if not codes or codes not in given:
                    bare.append(f"{file.name}:{number}")
    assert bare == []
