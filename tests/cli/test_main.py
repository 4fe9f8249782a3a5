"""The command itself: help, version, and names that are not quite right."""

from mdsa_server import __version__
from tests.cli.terminal import Terminal


async def test_help_lists_the_commands_in_the_order_they_are_needed(terminal: Terminal) -> None:
    out = (await terminal.mdsa("--help")).out
    places = [out.index(f"\n  {name} ") for name in ("serve", "chat", "ask", "models", "check", "reload")]
    assert places == sorted(places)


async def test_the_version_is_told(terminal: Terminal) -> None:
    assert (await terminal.mdsa("--version")).out == f"mdsa, version {__version__}\n"


async def test_a_mistyped_command_is_guessed(terminal: Terminal) -> None:
    done = await terminal.mdsa("relod")
    assert done.code == 2
    assert "Did you mean 'reload'?" in done.err
