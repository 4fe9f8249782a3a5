"""Plugins are found in folders and in installed packages, and none of their code runs for that."""

import sys
from pathlib import Path

import pytest

from mdsa_server import __version__
from mdsa_server.plugin_host.discovery import FoundPlugin, discover
from tests.plugin_host.offering import NOWHERE, write


def found_in(folder: Path) -> list[FoundPlugin]:
    return discover(NOWHERE, [folder])


def test_each_file_and_each_package_of_a_folder_is_a_plugin(tmp_path: Path) -> None:
    write(tmp_path, "dice.py", "")
    write(tmp_path, "weather/__init__.py", "")
    write(tmp_path, "weather/stations.py", "")
    assert [(plugin.name, plugin.source) for plugin in found_in(tmp_path)] == [
        ("dice", "directory"),
        ("weather", "directory"),
    ]


def test_what_begins_with_an_underscore_or_is_no_python_is_none(tmp_path: Path) -> None:
    write(tmp_path, "_shared.py", "")
    write(tmp_path, ".hidden.py", "")
    write(tmp_path, "__pycache__/__init__.py", "")
    write(tmp_path, "notes.txt", "")
    (tmp_path / "data").mkdir()
    (tmp_path / "folder.py").mkdir()
    assert found_in(tmp_path) == []


def test_bundled_plugins_come_first_and_have_the_servers_version(tmp_path: Path) -> None:
    write(tmp_path, "bundled/zebra.py", "")
    write(tmp_path, "mine/ant.py", "")
    plugins = discover(tmp_path / "bundled", [tmp_path / "mine"])
    assert [(plugin.name, plugin.source, plugin.version) for plugin in plugins] == [
        ("zebra", "bundled", __version__),
        ("ant", "directory", ""),
    ]


def test_a_folder_that_is_not_there_holds_no_plugins(tmp_path: Path) -> None:
    write(tmp_path, "mine/ant.py", "")
    assert [plugin.name for plugin in discover(NOWHERE, [tmp_path / "gone", tmp_path / "mine"])] == ["ant"]


def test_finding_runs_nothing_and_loading_lets_what_is_raised_through(tmp_path: Path) -> None:
    write(tmp_path, "leaver.py", "raise SystemExit('bye')")
    (plugin,) = found_in(tmp_path)
    with pytest.raises(SystemExit, match="bye"):
        plugin.load()
    assert "mdsa_plugin_leaver" not in sys.modules


def test_a_plugin_cannot_stand_in_for_a_real_module(tmp_path: Path) -> None:
    import json

    write(tmp_path, "json.py", "mine = True")
    (plugin,) = found_in(tmp_path)
    assert plugin.load() is not json
    assert sys.modules["json"] is json


def test_a_package_imports_its_own_modules(tmp_path: Path) -> None:
    write(tmp_path, "weather/__init__.py", "from .stations import COUNT")
    write(tmp_path, "weather/stations.py", "COUNT = 7")
    (plugin,) = found_in(tmp_path)
    assert vars(plugin.load())["COUNT"] == 7


def test_a_plugin_that_is_loaded_again_is_read_again_with_all_its_modules(tmp_path: Path) -> None:
    write(tmp_path, "first/weather/__init__.py", "from .stations import COUNT")
    write(tmp_path, "first/weather/stations.py", "COUNT = 7")
    write(tmp_path, "second/weather/__init__.py", "from .stations import COUNT")
    write(tmp_path, "second/weather/stations.py", "COUNT = 8")
    (first,), (second,) = found_in(tmp_path / "first"), found_in(tmp_path / "second")
    assert vars(first.load())["COUNT"] == 7
    assert vars(second.load())["COUNT"] == 8


def test_an_installed_packages_entry_points_are_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "dice_for_mdsa.py", "SIDES = 6")
    package = tmp_path / "dice_for_mdsa-1.2.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: dice-for-mdsa\nVersion: 1.2\n")
    (package / "entry_points.txt").write_text("[mdsa_server]\nzz_dice = dice_for_mdsa\naa_broken = not_there\n")
    monkeypatch.syspath_prepend(tmp_path)
    broken, dice = [plugin for plugin in found_in(NOWHERE) if "dice" in plugin.location]
    assert (dice.name, dice.source, dice.version) == ("zz_dice", "package", "1.2")
    assert dice.location == "dice-for-mdsa: dice_for_mdsa"
    assert vars(dice.load())["SIDES"] == 6
    with pytest.raises(ModuleNotFoundError):
        broken.load()


def test_a_damaged_package_hides_no_other_and_a_nameless_one_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "damaged-1.0.dist-info/entry_points.txt": "[console_scripts]\nthis line names nothing\n",
        "nameless-1.0.dist-info/entry_points.txt": "[mdsa_server]\nnameless = nowhere\n",
        "sound-1.0.dist-info/entry_points.txt": "[mdsa_server]\nsound = somewhere\n",
        "sound-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: sound\nVersion: 1.0\n",
    }
    for file, text in files.items():
        path = tmp_path / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    names = [plugin.name for plugin in found_in(NOWHERE)]
    assert "sound" in names
    assert "nameless" not in names
