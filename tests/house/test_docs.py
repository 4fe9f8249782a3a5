"""The documents tell what there is to use, and nothing that is not."""

import re

import click

from mdsa_server.cli import main
from mdsa_server.plugin_api import hookspecs
from mdsa_server.vocabulary.events import TurnEvent
from tests.house.tree import ROOT

DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
GUIDE = (ROOT / "docs" / "guide.md").read_text("utf-8")
PLUGIN_GUIDE = (ROOT / "docs" / "plugins.md").read_text("utf-8")


def test_every_hook_is_documented_with_its_signature() -> None:
    hooks = [name for name, value in vars(hookspecs).items() if hasattr(value, "mdsa_server_spec")]
    assert len(hooks) >= 5
    for name in hooks:
        function = getattr(hookspecs, name)
        parameters = ", ".join(function.__code__.co_varnames[: function.__code__.co_argcount])
        assert f"| `{name}({parameters})` |" in PLUGIN_GUIDE


def test_every_event_of_a_turn_is_named_in_the_guide() -> None:
    for event in TurnEvent.__args__:
        assert f"`{event.__struct_config__.tag}`" in GUIDE


def test_every_command_is_in_the_guide() -> None:
    assert [name for name in main.commands if f"mdsa {name}" not in GUIDE] == []


def test_every_command_that_a_document_names_exists() -> None:
    for document in DOCUMENTS:
        named = set(re.findall(r"(?:^|`)mdsa ([a-z]+)", document.read_text("utf-8"), re.MULTILINE))
        assert named - set(main.commands) == set(), document.name


def test_every_command_and_option_says_in_a_sentence_what_it_is_for() -> None:
    commands = [
        each
        for command in main.commands.values()
        for each in (command, *(command.commands.values() if isinstance(command, click.Group) else ()))
    ]
    for command in commands:
        assert (command.help or "").partition("\n\n")[0].endswith("."), command.name
        for option in command.params:
            assert not isinstance(option, click.Option) or (option.help or "").endswith("."), (
                command.name,
                option.name,
            )


def test_every_link_between_documents_leads_somewhere() -> None:
    dead = [
        f"{document.name}: {target}"
        for document in DOCUMENTS
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text("utf-8"))
        if not (document.parent / target).exists()
    ]
    assert dead == []
