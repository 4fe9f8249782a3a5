"""The documents say what is so."""

import re
from pathlib import Path

from mdsa_server.plugin_api import hookspecs
from mdsa_server.vocabulary.events import TurnEvent

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guide.md").read_text("utf-8")
PLUGINS = (ROOT / "docs" / "plugins.md").read_text("utf-8")


def test_every_hook_is_documented_with_its_signature() -> None:
    hooks = [name for name, value in vars(hookspecs).items() if hasattr(value, "mdsa_server_spec")]
    assert len(hooks) >= 5
    for name in hooks:
        function = getattr(hookspecs, name)
        parameters = ", ".join(function.__code__.co_varnames[: function.__code__.co_argcount])
        assert f"| `{name}({parameters})` |" in PLUGINS


def test_every_event_of_a_turn_is_named_in_the_guide() -> None:
    for event in TurnEvent.__args__:
        assert f"`{event.__struct_config__.tag}`" in GUIDE


def test_every_command_of_the_guides_tables_exists() -> None:
    from mdsa_server.cli import main

    for command in re.findall(r"^\| `mdsa (\w+)`", GUIDE, flags=re.MULTILINE):
        assert command in main.commands
