"""What variables and the command line say lies over the file, and is told where it says nothing."""

from pathlib import Path

import pytest

from tests.configuration.configurations import GENERAL, faults_in, load_text


def test_the_command_line_counts_more_than_variables_and_those_more_than_the_file(tmp_path: Path) -> None:
    text = "[server]\nport = 1\nmax_message_chars = 1\nmax_body_bytes = 1\n" + GENERAL
    environ = {"MDSA_SERVER__PORT": "2", "MDSA_SERVER__MAX_MESSAGE_CHARS": "2"}
    loaded = load_text(tmp_path, text, environ, {"server.port": 3, "server.host": None})
    server = loaded.settings.server
    assert (server.port, server.max_message_chars, server.max_body_bytes) == (3, 2, 1)
    assert [loaded.sources[f"server.{key}"] for key in ("port", "max_message_chars", "max_body_bytes", "host")] == [
        "command line",
        "MDSA_SERVER__MAX_MESSAGE_CHARS",
        "mdsa.toml:4",
        "default",
    ]


def test_variables_set_keys_of_domains_and_of_plugins(tmp_path: Path) -> None:
    environ = {
        "MDSA_DOMAINS__GENERAL__MODEL": "gemma3:4b",
        "MDSA_DOMAINS__GENERAL__OPTIONS__NUM_CTX": "8192",
        "MDSA_DOMAINS__CODE__DESCRIPTION": "Programs",
        "MDSA_PLUGINS__CLOCK__ZONE": "UTC",
        "MDSA_ROUTING__ROUTERS": '["keyword_router"]',
    }
    loaded = load_text(tmp_path, GENERAL, environ)
    general, code = loaded.settings.domains_as_vocabulary()
    assert (general.models, general.options, code.description) == (("gemma3:4b",), {"num_ctx": 8192}, "Programs")
    assert loaded.settings.plugins == {"clock": {"zone": "UTC"}}
    assert loaded.settings.routing.routers == ("keyword_router",)
    assert loaded.sources["domains.general.options.num_ctx"] == "MDSA_DOMAINS__GENERAL__OPTIONS__NUM_CTX"


def test_a_variable_for_a_string_is_one_even_if_it_looks_like_a_number(tmp_path: Path) -> None:
    environ = {"MDSA_DOMAINS__GENERAL__MODEL": "7", "MDSA_STORE__PATH": "2024", "MDSA_ENGINE__DEFAULT_MODEL": '"q"'}
    settings = load_text(tmp_path, GENERAL, environ).settings
    assert settings.domains["general"].model == "7"
    assert settings.data_folder.name == "2024"
    assert settings.engine.default_model == "q"


def test_a_variable_that_means_no_key_is_a_fault_that_names_the_likeliest(tmp_path: Path) -> None:
    (fault,) = faults_in(tmp_path, GENERAL, {"MDSA_SERVER__PROT": "1"})
    assert str(fault) == (
        "MDSA_SERVER__PROT: server.prot: there is no such key in [server]. Mend: Did you mean MDSA_SERVER__PORT?"
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("MDSA_SERVER_PORT", "MDSA_SERVER__PORT"),
        ("mdsa_plugin_host_disabled", "MDSA_PLUGIN_HOST__DISABLED"),
        ("MDSA_STORE_KEEP_TURNS", "MDSA_STORE__KEEP_TURNS"),
        ("MDSA_DOMAINS_MY_CODE_MODEL", "MDSA_DOMAINS__MY_CODE__MODEL"),
    ],
)
def test_a_variable_that_lacks_an_underscore_is_a_fault_that_names_the_right_one(
    tmp_path: Path, name: str, meant: str
) -> None:
    (fault,) = faults_in(tmp_path, GENERAL + '[domains.my-code]\ndescription = "x"', {name: "1"})
    assert (fault.place, fault.mend) == (name, f"Did you mean {meant}?")


def test_variables_that_a_platform_sets_for_a_service_are_none_of_ours(tmp_path: Path) -> None:
    load_text(
        tmp_path,
        GENERAL,
        {
            "MDSA_PORT": "tcp://10.0.0.1:80",
            "MDSA_SERVICE_HOST": "10.0.0.1",
            "MDSA_SERVICE_PORT": "80",
            "MDSA_SERVER_PORT": "tcp://10.0.0.1:80",
            "MDSA_SERVER_SERVICE_HOST": "10.0.0.1",
        },
    )


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("clock", """Write a list: MDSA_PLUGIN_HOST__DISABLED='["clock"]'"""),
        ("clock, oven", """Write a list: MDSA_PLUGIN_HOST__DISABLED='["clock", "oven"]'"""),
        ("", "Write a list: MDSA_PLUGIN_HOST__DISABLED='[]'"),
        ("5", "Set it like the default: MDSA_PLUGIN_HOST__DISABLED='[]'."),
    ],
)
def test_a_variable_for_a_list_is_told_as_it_can_be_typed(tmp_path: Path, text: str, mend: str) -> None:
    (fault,) = faults_in(tmp_path, GENERAL, {"MDSA_PLUGIN_HOST__DISABLED": text})
    assert fault.mend == mend
