"""What is in force is told key by key: value, place, default, and no secret."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from mdsa_server import bundled
from mdsa_server.configuration import load
from mdsa_server.configuration.effective import settings_in_force
from mdsa_server.settings import Settings
from mdsa_server.vocabulary.settings_in_force import Setting
from tests.configuration.configurations import GENERAL, load_text

SECRET = "s3cr3t-of-mine"


def told(folder: Path, text: str, *, later: str | None = None, **where: Any) -> dict[str, Setting]:
    """Give what is in force of `text`, with `later` having been reloaded."""
    started = load_text(folder, text, **where)
    latest = started if later is None else load_text(folder, later, **where)
    return {one.key: one for table in settings_in_force(started, latest).tables for one in table.settings}


def test_every_key_is_told_in_the_order_of_the_file(tmp_path: Path) -> None:
    started = load(bundled.reference_configuration(), {}, tmp_path)
    tables = settings_in_force(started, started).tables
    names = [table.name for table in tables]
    assert [name for name in names if "." not in name] == [
        name for name in Settings.model_fields if name not in ("plugins", "domains")
    ]
    assert names[-3:] == ["domains.general", "domains.code", "domains.handbook"]
    for table in tables:
        if "." not in table.name:
            kind = Settings.model_fields[table.name].annotation
            assert [one.name for one in table.settings] == list(getattr(kind, "model_fields", {}))
        assert all(one.description for one in table.settings)


def test_a_key_tells_where_its_value_comes_from(tmp_path: Path) -> None:
    found = told(
        tmp_path,
        f"{GENERAL}\n[server]\nport = 1234\n[routing]\nmin_confidence = 0.5\n",
        environ={"MDSA_STORE__KEEP_TURNS": "7"},
        overrides={"server.host": "::1"},
    )
    assert (found["server.port"].value, found["server.port"].source) == (1234, "mdsa.toml:6")
    assert (found["store.keep_turns"].value, found["store.keep_turns"].source) == (7, "MDSA_STORE__KEEP_TURNS")
    assert (found["server.host"].value, found["server.host"].source) == ("::1", "command line")
    assert (found["engine.url"].source, found["engine.url"].is_set) == ("default", False)


def test_what_is_set_is_told_from_what_is_changed(tmp_path: Path) -> None:
    found = told(tmp_path, f'{GENERAL}\n[server]\nport = 1234\n[store]\npath = "mdsa-data"\n[tools]\nmax_rounds = 4\n')
    assert (found["server.port"].is_changed, found["server.port"].default) == (True, 8642)
    # Written with its default, seen from the file's folder as the default is.
    assert [(found[key].is_set, found[key].is_changed) for key in ("store.path", "tools.max_rounds", "engine.url")] == [
        (True, False),
        (True, False),
        (False, False),
    ]


def test_a_value_whose_parts_were_written_in_several_places_names_them_all(tmp_path: Path) -> None:
    found = told(tmp_path, f'{GENERAL}\n[tools.approval]\nbake = "ask"\n"mcp.*" = "deny"\n')
    assert found["tools.approval"].source == "mdsa.toml:5"
    overlaid = told(tmp_path, GENERAL, environ={"MDSA_TOOLS__APPROVAL__BAKE": "ask"})
    assert overlaid["tools.approval"].source == "MDSA_TOOLS__APPROVAL__BAKE"
    assert overlaid["tools.approval"].value == {"bake": "ask"}


def test_a_reload_is_in_force_where_it_is_taken_up_and_waits_elsewhere(tmp_path: Path) -> None:
    found = told(
        tmp_path,
        f"{GENERAL}\n[server]\nport = 1\n[routing]\nmin_confidence = 0.5\n",
        later=f'{GENERAL}keywords = ["a"]\n\n[server]\nport = 2\n[routing]\nmin_confidence = 0.6\n',
    )
    assert (found["server.port"].value, found["server.port"].waits, found["server.port"].needs_restart) == (
        1,
        True,
        True,
    )
    assert (found["routing.min_confidence"].value, found["routing.min_confidence"].waits) == (0.6, False)
    assert found["domains.general.keywords"].value == ["a"]
    assert not found["domains.general.keywords"].needs_restart
    assert found["routing.learning_timeout"].needs_restart


def test_an_examples_file_is_told_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "more.jsonl").write_text('{"text": "How do I reverse a list?"}\n')
    found = told(tmp_path, f'{GENERAL}examples_file = "more.jsonl"\n')
    assert found["domains.general.examples_file"].value == str(tmp_path / "more.jsonl")


@pytest.mark.parametrize(
    "table",
    [
        f'[plugins.weather]\napi_key = "{SECRET}"',
        f'[plugins.weather.deeper]\npassword = "{SECRET}"',
        f'[plugins.mcp_tools.servers.notes]\nurl = "http://127.0.0.1:9000/mcp"\nheaders = {{ X = "{SECRET}" }}',
        f'[plugins.mcp_tools.servers.notes]\ncommand = ["notes", "--token", "{SECRET}"]\nenv = {{ HOME = "{SECRET}" }}',
        f'[plugins.mcp_tools.servers.notes]\nurl = "https://ann:{SECRET}@host/mcp?key={SECRET}"',
        f'[engine]\nurl = "http://ann:{SECRET}@127.0.0.1:11434"',
    ],
)
def test_no_secret_is_told(tmp_path: Path, table: str) -> None:
    started = load_text(tmp_path, f"{GENERAL}\n{table}\n")
    assert SECRET not in msgspec.json.encode(settings_in_force(started, started)).decode()
    assert SECRET in str(started.settings), "else there would be nothing to hide"


def test_a_secret_that_a_variable_sets_is_told_by_the_variable_s_name_alone(tmp_path: Path) -> None:
    found = told(tmp_path, GENERAL, environ={"MDSA_PLUGINS__WEATHER__API_KEY": SECRET})
    assert (found["plugins.weather.api_key"].value, found["plugins.weather.api_key"].source) == (
        "(hidden)",
        "MDSA_PLUGINS__WEATHER__API_KEY",
    )
