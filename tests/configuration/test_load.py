"""The configuration is found, overlaid and checked as a whole; what is wrong is told at its place."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.configuration import load, read
from mdsa_server.configuration.places import dotted
from mdsa_server.errors import ConfigurationInvalid
from mdsa_server.vocabulary.domain import Example
from tests.configuration.configurations import GENERAL, faults_in, load_text

# --- which file


def test_without_a_file_the_built_in_configuration_is_in_force(tmp_path: Path) -> None:
    loaded = load(None, {}, tmp_path)
    assert loaded.path is None
    assert {"general", "code", "handbook"} <= set(loaded.settings.domains)
    assert loaded.settings.data_folder == (tmp_path / "mdsa-data").resolve()
    assert set(loaded.sources.values()) == {"default"}


def test_the_command_line_names_the_file_before_the_variable_and_that_before_the_folder(tmp_path: Path) -> None:
    for name in ("a.toml", "b.toml", "mdsa.toml"):
        (tmp_path / name).write_text(GENERAL)
    environ = {"MDSA_CONFIG": "b.toml"}
    assert load(Path("a.toml"), environ, tmp_path).path == tmp_path / "a.toml"
    assert load(None, environ, tmp_path).path == tmp_path / "b.toml"
    assert load(None, {}, tmp_path).path == tmp_path / "mdsa.toml"


def test_paths_in_a_file_start_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "mdsa.toml").write_text(GENERAL)
    loaded = load(Path("etc/mdsa.toml"), {}, tmp_path)
    assert loaded.settings.data_folder == (tmp_path / "etc" / "mdsa-data").resolve()


def test_a_named_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid) as refused:
        load(Path("missing.toml"), {}, tmp_path)
    (fault,) = refused.value.faults
    assert (
        str(fault)
        == "missing.toml: there is no such file. Mend: Name another, or write it: mdsa init --path missing.toml"
    )


def test_a_folder_in_the_place_of_the_file_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match="cannot be read"):
        load(tmp_path, {}, tmp_path)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "mdsa.toml").write_bytes(b"\xef\xbb\xbf" + GENERAL.encode())
    assert load(None, {}, tmp_path).settings.domains


def test_a_file_that_is_not_utf_8_is_a_fault_at_its_first_wrong_line(tmp_path: Path) -> None:
    (tmp_path / "mdsa.toml").write_bytes(b"[server]\n# caf\xe9\n")
    with pytest.raises(ConfigurationInvalid) as refused:
        load(None, {}, tmp_path)
    assert refused.value.faults[0].line == 2


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("[server]\nport = \n", 2, "Invalid value"),
        ('[server]\nhost = "127.0.0.1\nport = 1\n', 2, ""),
        ("a = [\n  1,\n[server]\nport = 1\n", 3, "in what begins on line 1"),
        ('a = """\nnever\nclosed\n', 1, ""),
        ("[server]\nport = 1\nport = 2\n", 3, "Cannot overwrite"),
        ("[server\nport = 1\n", 1, ""),
    ],
)
def test_a_file_that_is_no_toml_is_one_fault_where_it_stops_being_so(
    tmp_path: Path, text: str, line: int, word: str
) -> None:
    (fault,) = faults_in(tmp_path, text)
    assert (fault.file, fault.line) == ("mdsa.toml", line)
    assert fault.what.startswith("is no TOML: ")
    assert word in fault.what


# --- faults


def test_all_faults_are_reported_together_each_at_its_line(tmp_path: Path) -> None:
    faults = faults_in(
        tmp_path,
        """\
        [server]
        port = "9000"
        prot = 1
        default_model = "auto"
        [engine]
        connect_timeout = 0
        [routing]
        routers = []
        fallback = "genral"
        [logging]
        level = "loud"
        [domains.general]
        description = " "
        examples = [
            "a",
            1,
        ]
        [domains.Other]
        """,
    )
    assert [(fault.line, fault.key) for fault in faults] == [
        (2, "server.port"),
        (3, "server.prot"),
        (4, "server.default_model"),
        (6, "engine.connect_timeout"),
        (8, "routing.routers"),
        (9, "routing.fallback"),
        (11, "logging.level"),
        (13, "domains.general.description"),
        (14, "domains.general.examples[1]"),
        (18, "domains.Other"),
        (18, "domains.Other.description"),
    ]
    assert all(fault.what and fault.mend for fault in faults)


@pytest.mark.parametrize(
    ("text", "what", "mend"),
    [
        ('[server]\nport = "9000"', 'must be a whole number, not the string "9000"', "like the default: port = 8642"),
        ("[server]\nport = true", "must be a whole number, not true", ""),
        ("[server]\nport = 70000", "less than or equal to 65535, not the number 70000", ""),
        ("[server]\nport = 2024-05-31", "not a date or time", ""),
        ("[server]\nhots = 1", "no such key in [server]", "Did you mean host?"),
        ("[server]\nlevel = 1", "no such key in [server]", "It belongs in [logging]."),
        ("[server]\nzzz = 1", "no such key in [server]", "There are: host, port"),
        ("[domain.x]\na = 1", "no such table", "Did you mean domains?"),
        ("port = 1", "no such table", "It belongs in [server]."),
        ("server = 1", "must be a table, not the number 1", "Write it as a table: [server]."),
        ("[tools]\napproval = { send = 'yes' }", 'must be "auto", "ask" or "deny"', "By tool or pattern"),
        ("[plugins]\nclock = 1", "must be a table", "[plugins.clock]"),
        ("[store]\npath = 1", "must be a path in quotes", 'path = "mdsa-data"'),
        ('[store]\npath = "\\u0000"', "cannot be used: ", 'path = "mdsa-data"'),
        ("[plugin_host]\ndirectories = ['~nobody-here/x']", '"~nobody-here/x" is not a folder', "Make it in"),
        ("[routing]\ntimeout = inf", "must be a finite number, not the number inf", ""),
        ("[routing]\nrouters = 'x'", 'must be a list in square brackets, not the string "x"', 'routers = ["x"]'),
        ("[embedding]\noffline = 1", "must be true or false", "offline = true"),
        ("[logging]\nlevel = 'inof'", 'must be "debug", "info", "warning" or "error"', ""),
        ("[plugin_host]\ndirectories = ['none']", '"none" is not a folder', "Make it in"),
        ("[routing]\nfallback = 'x'", 'no domain is named "x"', "Set it to one of: general."),
    ],
)
def test_a_fault_says_what_is_wrong_and_how_to_mend_it(tmp_path: Path, text: str, what: str, mend: str) -> None:
    (fault,) = faults_in(tmp_path, text + GENERAL)
    assert what in fault.what
    assert mend in fault.mend
    assert fault.line == text.count("\n") + 1 or "[domain.x]" in text


def test_options_of_another_type_are_each_a_fault_at_its_own_line(tmp_path: Path) -> None:
    text = GENERAL + '[domains.general.options]\nnum_ctx = "big"\ntop_k = 5\nstop = "END"\ntemperature = true\n'
    faults = faults_in(tmp_path, text, {"MDSA_DOMAINS__GENERAL__OPTIONS__SEED": "lucky"})
    assert [(fault.place, fault.key, fault.what, fault.mend) for fault in faults] == [
        (place, f"domains.general.options.{key}", f"must be {words}", f"Write for example {key} = {example}.")
        for place, key, words, example in (
            ("mdsa.toml:5", "num_ctx", "a whole number", "64"),
            ("mdsa.toml:7", "stop", "a list of strings", '["###"]'),
            ("mdsa.toml:8", "temperature", "a number", "0.5"),
            ("MDSA_DOMAINS__GENERAL__OPTIONS__SEED", "seed", "a whole number", "64"),
        )
    ]


def test_a_configuration_without_domains_is_told_how_to_get_one(tmp_path: Path) -> None:
    (fault,) = faults_in(tmp_path, "[server]\nport = 1")
    assert (fault.key, "mdsa init" in fault.mend) == ("domains", True)
    (fault,) = faults_in(tmp_path, "[domains]")
    assert (fault.key, fault.line, "mdsa init" in fault.mend) == ("domains", 1, True)


def test_a_fault_of_what_variables_say_points_to_them(tmp_path: Path) -> None:
    environ = {"MDSA_SERVER__PORT": "many", "MDSA_DOMAINS__CODE__MODEL": "m"}
    port, description = sorted(faults_in(tmp_path, GENERAL, environ), key=lambda fault: fault.file, reverse=True)
    assert (port.place, port.mend) == ("MDSA_SERVER__PORT", "Set it like the default: MDSA_SERVER__PORT='8642'.")
    assert (description.place, description.key) == ("MDSA_DOMAINS__CODE__MODEL", "domains.code.description")


def test_a_fault_of_the_command_line_says_so(tmp_path: Path) -> None:
    (fault,) = faults_in(tmp_path, "[server]\nport = 1\n" + GENERAL, {}, {"server.port": -1})
    assert (fault.place, fault.key) == ("command line", "server.port")


def test_the_error_itself_says_how_many_faults_there_are_and_the_first(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match=r"2 faults; the first is mdsa\.toml:2: server\.a") as refused:
        load_text(tmp_path, "[server]\na = 1\nb = 1\n" + GENERAL)
    assert refused.value.mend


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_is_a_configuration_or_a_list_of_faults(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_text(text, "utf-8", newline="")
    with pytest.raises(ConfigurationInvalid) as refused:
        load(file, {}, file.parent)
    assert refused.value.faults


@given(
    st.dictionaries(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ_-.1", max_size=30).map("MDSA_".__add__), st.text(max_size=8))
)
def test_any_variables_give_a_configuration_or_faults_of_those_variables(
    tmp_path_factory: pytest.TempPathFactory, environ: dict[str, str]
) -> None:
    file = tmp_path_factory.getbasetemp() / "valid.toml"
    file.write_text(GENERAL)
    try:
        load(file, environ | {"MDSA_CONFIG": ""}, file.parent)
    except ConfigurationInvalid as refused:
        for fault in refused.faults:
            assert fault.file in environ


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("server",), "server"),
        (("a", "b", "0"), "a.b[0]"),
        (("domains", "x", "examples", "12"), "domains.x.examples[12]"),
    ],
)
def test_keys_are_told_as_people_write_them(path: tuple[str, ...], text: str) -> None:
    assert dotted(path) == text


def test_a_key_that_belongs_in_another_table_is_sent_there_from_within_a_domain_too(tmp_path: Path) -> None:
    (fault,) = faults_in(tmp_path, "[domains.general]\ndescription = 'x'\nprefer = 'warm'\n")
    assert (fault.key, fault.mend) == ("domains.general.prefer", "It belongs in [residency].")


def test_a_limit_of_none_is_one_fault(tmp_path: Path) -> None:
    assert [fault.key for fault in faults_in(tmp_path, "[residency]\nmax_models = 0\n" + GENERAL)] == [
        "residency.max_models"
    ]


def test_what_stands_without_the_faulty_keys_can_still_be_looked_at(tmp_path: Path) -> None:
    (tmp_path / "mdsa.toml").write_text(
        "[server]\nport = -1\n[domains.Bad]\ndescription = 'x'\n[domains.bare]\ntools = ['a']\n"
        "[domains.general]\ndescription = 'Anything'\nexamples = ['a', 1]\ntools = ['clock']\n"
    )
    reading = read(None, {}, tmp_path)
    assert [fault.key for fault in reading.faults] == [
        *("server.port", "domains.Bad", "domains.bare.description", "domains.general.examples[1]")
    ]
    assert reading.loaded
    stands = reading.loaded.settings
    assert list(stands.domains) == ["general"]
    assert (stands.domains["general"].examples, stands.domains["general"].tools) == ((), ("clock",))
    assert stands.server.port == 8642


def test_nothing_stands_of_a_file_without_a_domain(tmp_path: Path) -> None:
    (tmp_path / "mdsa.toml").write_text("[domains.general]\ndescription = 1\n")
    assert read(None, {}, tmp_path).loaded is None


def test_a_file_of_examples_is_read_with_the_intents_in_it(tmp_path: Path) -> None:
    (tmp_path / "code.jsonl").write_text('{"text": "Sort a list", "intent": "lists"}\n\n{"text": "What is a class?"}\n')
    text = "[domains.general]\ndescription = 'x'\nexamples = ['Hello']\nexamples_file = 'code.jsonl'\n"
    (domain,) = load_text(tmp_path, text).settings.domains_as_vocabulary()
    assert domain.examples == (Example("Hello"), Example("Sort a list", "lists"), Example("What is a class?"))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (None, "is not there"),
        ("", "code.jsonl holds no example"),
        ('{"txt": "a"}\n{"text": " "}', "line 1 is no example (Object missing required field `text`); line 2 has an"),
        ('{"text": "a"', "code.jsonl: line 1 is no example"),
        (b"\xff", "is not UTF-8"),
        ('{"text": "a", "intent": ' + "[" * 100_000, "line 1 is no example"),
    ],
)
def test_what_is_wrong_in_a_file_of_examples_is_told_with_its_line(
    tmp_path: Path, content: str | bytes | None, what: str
) -> None:
    if content is not None:
        (tmp_path / "code.jsonl").write_bytes(content if isinstance(content, bytes) else content.encode())
    (fault,) = faults_in(tmp_path, "[domains.general]\ndescription = 'x'\nexamples_file = 'code.jsonl'\n")
    assert (fault.line, fault.key) == (3, "domains.general.examples_file")
    assert what in fault.what
    assert fault.mend
