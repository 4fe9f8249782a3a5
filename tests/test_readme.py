"""What the README promises a newcomer works as it is written there."""

import re

import pytest

from tests.cli.terminal import Terminal
from tests.house.tree import ROOT

README = (ROOT / "README.md").read_text("utf-8")
DOMAINS = """
[domains.general]
description = "Everything else"
[domains.code]
description = "Questions about programs"
"""


def block(language: str) -> str:
    """Give the one block of code in `language`."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return str(found)


async def test_the_first_plugin_decides(terminal: Terminal) -> None:
    plugins = terminal.folder / "my_plugins"
    plugins.mkdir()
    (plugins / "pasted_code.py").write_text(block("python"), "utf-8")
    (terminal.folder / "mdsa.toml").write_text(block("toml") + DOMAINS, "utf-8")
    asked = re.search(r'^mdsa route "(.*)"$', README, re.MULTILINE)
    assert asked
    done = await terminal.mdsa("route", asked[1])
    assert done.code == 0, done.err
    assert done.out.startswith("code  confidence 0.90, decided by pasted_code")
    assert "a traceback" in done.err


def test_the_first_plugin_is_short() -> None:
    assert len([line for line in block("python").splitlines() if line.strip()]) <= 15


@pytest.mark.parametrize("target", ["serve", "test"])
def test_the_two_commands_are_there(target: str) -> None:
    assert f"make {target} " in README
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
