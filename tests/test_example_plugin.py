"""A plugin as a package: installed beside the server, it is found, listed and used."""

import json
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.house.tree import ROOT

PACKAGE = ROOT / "tests" / "example_plugin"
MATHS = '[domains.maths]\ndescription = "Numbers"\n'


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment that has the package; the server and its libraries it sees from here."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    paths = sysconfig.get_paths("venv", vars={"base": str(folder), "platbase": str(folder)})
    python = Path(paths["scripts"]) / Path(sys.executable).name
    (Path(paths["purelib"]) / "server.pth").write_text(f"{ROOT}\n{sysconfig.get_path('purelib')}\n", "utf-8")
    without_network = ("--no-deps", "--no-index", "--no-build-isolation")
    pip = (sys.executable, "-m", "pip", "--python", python)
    done = subprocess.run([*pip, "install", "--quiet", *without_network, PACKAGE], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return python


@pytest.fixture
def terminal(tmp_path: Path, python: Path, engine: ScriptedOllama) -> Terminal:
    terminal = Terminal(tmp_path, str(python))
    terminal.configure(engine.url, MATHS)
    return terminal


async def test_an_installed_package_is_listed_with_what_it_offers(terminal: Terminal) -> None:
    listed = await terminal.mdsa("plugins", "--json")
    assert listed.code == 0, listed.err
    plugins = {plugin["name"]: plugin for plugin in json.loads(listed.out) if plugin["source"] == "package"}
    offers = {name: [(offer["kind"], offer["name"]) for offer in plugin["offers"]] for name, plugin in plugins.items()}
    assert offers == {"number_router": [("router", "number_router")], "dice": [("tool", "throw_dice")]}
    for name, plugin in plugins.items():
        assert (plugin["state"], plugin["version"], plugin["faults"]) == ("active", "0.1.0", [])
        assert plugin["location"] == f"mdsa-example-plugin: mdsa_example_plugin.{name}"


async def test_its_router_routes(terminal: Terminal) -> None:
    routed = await terminal.mdsa("route", "--json", "What is 17 times 23?", MDSA_ROUTING__ROUTERS='["number_router"]')
    assert routed.code == 0, routed.err
    route = json.loads(routed.out)
    assert (route["domain"], route["router"], route["confidence"]) == ("maths", "number_router", 0.8)
    assert [seen["text"] for seen in route["evidence"]] == ["4 digits"]


async def test_a_domain_may_use_its_tool(terminal: Terminal, engine: ScriptedOllama) -> None:
    terminal.configure(engine.url, MATHS + 'tools = ["throw_dice"]\n')
    checked = await terminal.mdsa("check")
    assert checked.code == 0, checked.out + checked.err


def test_the_plugins_of_the_guide_are_the_ones_that_are_tested() -> None:
    guide = (ROOT / "docs" / "plugins.md").read_text("utf-8")
    router, dice = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)[:2]
    assert router == (PACKAGE / "mdsa_example_plugin" / "number_router.py").read_text("utf-8")
    assert dice == (PACKAGE / "mdsa_example_plugin" / "dice.py").read_text("utf-8")
