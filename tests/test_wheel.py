"""The wheel: built from the source archive, installed in an empty environment, served from far from the checkout."""

import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from mdsa_server import __version__
from tests.cli.terminal import Terminal
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.house.tree import ROOT

BUNDLED = ("templates", "static", "plugins", "docs", "mdsa.toml")


@dataclass(frozen=True)
class Built:
    """What `python -m build` makes."""

    archive: Path
    wheel: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    (archive,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return Built(archive, wheel)


@pytest.fixture(scope="module")
def python(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the wheel, and the libraries of this one so that none are fetched."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    paths = sysconfig.get_paths("venv", vars={"base": str(folder), "platbase": str(folder)})
    python = Path(paths["scripts"]) / Path(sys.executable).name
    (Path(paths["purelib"]) / "libraries.pth").write_text(sysconfig.get_path("purelib"), "utf-8")
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "--quiet", built.wheel)
    return python


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files_under(*names: str) -> set[str]:
    """The files of the checkout in these folders, but for what Python leaves there."""
    found = [path for name in names for path in ((ROOT / name).rglob("*") if (ROOT / name).is_dir() else [ROOT / name])]
    return {path.relative_to(ROOT).as_posix() for path in found if path.is_file() and "__pycache__" not in path.parts}


def test_the_wheel_carries_all_that_the_server_reads_and_no_more(built: Built) -> None:
    names = {name for name in zipfile.ZipFile(built.wheel).namelist() if ".dist-info/" not in name}
    wanted = {f"mdsa_server/_bundled/{name}" for name in files_under(*BUNDLED)} | files_under("mdsa_server")
    assert names == wanted


def test_the_source_archive_carries_all_that_is_needed_to_work_on_it(built: Built) -> None:
    with tarfile.open(built.archive) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"Makefile", "LICENSE", "README.md", "requirements.txt", ".gitignore"}
    assert wanted | files_under("tests", "benchmarks", *BUNDLED) <= names
    assert {name for name in names if name.startswith((".venv", "mdsa-data", ".real-ollama"))} == set()


def test_what_was_installed_is_the_wheel(python: Path, tmp_path: Path) -> None:
    code = "import mdsa_server; from mdsa_server import bundled; print(mdsa_server.__file__, bundled.templates())"
    done = subprocess.run([python, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert all(Path(place).is_relative_to(python.parents[1]) for place in done.stdout.split())
    assert run(python.with_name("mdsa"), "--version") == f"mdsa, version {__version__}\n"


async def test_pages_and_answers_are_served_from_the_wheel(
    python: Path, tmp_path: Path, engine: ScriptedOllama
) -> None:
    terminal = Terminal(tmp_path, str(python))
    async with terminal.running("serve", "--port", "0", MDSA_ENGINE__URL=engine.url) as command:
        banner = await command.prints("Ctrl-C stops the server.")
        url = re.search(r"http://\S+", banner)
        assert url, banner
        async with httpx.AsyncClient(base_url=url[0], timeout=60) as client:
            page = await client.get("/", headers={"Accept": "text/html"})
            assert page.status_code == 200
            assets = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
            assert assets
            for asset in assets:
                assert (await client.get(asset)).status_code == 200, asset
            answer = await client.post("/api/chat", json={"message": "How do I add a domain to mdsa.toml?"})
            assert answer.json()["turn"]["answer"] == "Hello there."
            assert answer.json()["turn"]["domain"] == "handbook"
    assert (tmp_path / "mdsa-data").is_dir()
