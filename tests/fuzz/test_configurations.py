"""Whatever `mdsa.toml` holds, it is a configuration or a list of faults with their lines; nothing else is raised."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.configuration.faults import table_at
from mdsa_server.configuration.load import read
from mdsa_server.errors import ConfigurationInvalid
from mdsa_server.settings import Settings
from mdsa_server.vocabulary.fault import Fault
from tests.fuzz.corpus import corpus

FILES = corpus("toml")
GENERAL = b'\n[domains.general]\ndescription = "x"\n'

GENERATED = {
    "a hundred thousand brackets": b"a = " + b"[" * 100_000,
    "a table in a table": b"a = " + b"{a = " * 3000 + b"1" + b"}" * 3000,
    "a key of thousands of parts": b".".join([b"a"] * 3000) + b" = 1",
    "an integer of thousands of digits": b"[server]\nport = " + b"9" * 5000,
    "a text of a megabyte": b"[server]\nhost = '" + b"a" * 1_000_000 + b"'",
    "a line of a megabyte": b"a" * 1_000_000,
    "thousands of tables": b"".join(b"[a%d]\n" % number for number in range(2000)),
}

ODD_VALUES = [
    *('""', '" "', '"\\u0000"', '"\\u202e"', '"\\n"', '"🦉"', f'"{"x" * 5000}"', '"%s{0}"', '"*"', '"["'),
    *('"../../.."', '"//"', '"~nobody/x"', '"/dev/zero"', '"file:///etc/passwd"', '"http://[::1"', '"http://a:99999"'),
    *("true", "0", "-1", "9223372036854775807", "-9223372036854775808", "1e308", "-1e308", "5e-324"),
    *("inf", "-inf", "nan", "1979-05-27T07:32:00Z", "07:32:00", "[]", "[[]]", "[[[[[1]]]]]", "[{}]", "[nan]"),
    *('["\\u0000"]', '["*"]', '["["]', '["a", "a"]', f'["{"x" * 5000}"]', "{}", '{"" = 1}', "{a = {b = {c = 1}}}"),
]
TABLES = [(name,) for name in Settings.model_fields if name != "domains"] + [("domains", "general")]
KEYS = {table: list(kind.model_fields) for table in TABLES if (kind := table_at(table))}


def faults_in(content: bytes, folder: Path) -> tuple[Fault, ...]:
    """Write and read a configuration, and give what is wrong with it."""
    (folder / "mdsa.toml").write_bytes(content)
    try:
        return read(None, {}, folder).faults
    except ConfigurationInvalid as error:
        return error.faults


@pytest.mark.parametrize("name", [*FILES, *GENERATED])
def test_a_hostile_file_is_told_by_line_and_how_to_mend_it(tmp_path: Path, name: str) -> None:
    faults = faults_in((FILES | GENERATED)[name], tmp_path)
    assert faults
    # Where there is no domain, no line is to blame.
    assert [fault for fault in faults if fault.line is None and fault.key != "domains"] == []
    assert all(fault.what and fault.mend for fault in faults)
    assert all(str(fault).encode() for fault in faults)


@pytest.mark.parametrize("odd", ODD_VALUES)
def test_an_odd_value_in_every_key_at_once_is_told_key_by_key(tmp_path: Path, odd: str) -> None:
    tables = [f"[{'.'.join(table)}]\n" + "".join(f"{key} = {odd}\n" for key in keys) for table, keys in KEYS.items()]
    faults = faults_in("".join(tables).encode(), tmp_path)
    assert len(KEYS) > 8
    assert faults, "no value fits every key"
    assert [fault for fault in faults if fault.line is None or not fault.mend] == []


@given(content=st.binary(max_size=80) | st.text("[]{}\"'=.,#\n\t abc01+-_:\\u0000\r", max_size=80).map(str.encode))
def test_any_bytes_are_a_configuration_or_a_list_of_faults(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp()
    faults = faults_in(content + GENERAL, folder)
    assert faults or read(None, {}, folder).loaded
    assert [fault for fault in faults if fault.line is None] == []
