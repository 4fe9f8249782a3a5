"""Variables set keys."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.configuration.environment import path_of, value_of, variable_of, variables
from mdsa_server.vocabulary.toml_text import toml

SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"])),
)


@given(st.recursive(SCALARS, lambda values: st.lists(values, max_size=3), max_leaves=6))
def test_a_value_written_as_toml_is_read_back(value: Any) -> None:
    assert value_of(toml(value)) == value


@given(st.text())
def test_any_text_is_some_value(text: str) -> None:
    value_of(text)


@pytest.mark.parametrize("text", ["gemma3:4b", "http://127.0.0.1:11434", "/srv/data", "", "True", "1\nother = 2"])
def test_text_that_is_no_toml_value_is_a_string(text: str) -> None:
    assert value_of(text) == text


def test_only_names_with_the_prefix_and_the_separator_mean_keys() -> None:
    environ = {
        "MDSA_SERVER__PORT": "1",
        "mdsa_store__path": "2",
        "MDSA_CONFIG": "3",
        "MDSA_PORT": "tcp://10.0.0.1:80",
        "MDSA_SERVICE_HOST": "10.0.0.1",
        "OTHER__PORT": "4",
        "XMDSA_SERVER__PORT": "5",
    }
    assert set(variables(environ)) == {"MDSA_SERVER__PORT", "mdsa_store__path"}


def test_a_name_means_a_key_that_is_known_whatever_its_case_and_hyphens() -> None:
    tree = {"domains": {"my-code": {"options": {"Num_ctx": 1}}}}
    assert path_of("MDSA_DOMAINS__MY_CODE__OPTIONS__NUM_CTX", tree) == ("domains", "my-code", "options", "Num_ctx")
    assert path_of("MDSA_DOMAINS__OTHER__MODEL", tree) == ("domains", "other", "model")


def test_a_key_is_told_as_the_variable_that_sets_it() -> None:
    assert variable_of(("server", "port")) == "MDSA_SERVER__PORT"
    assert variable_of(("domains", "my-code", "model")) == "MDSA_DOMAINS__MY_CODE__MODEL"
