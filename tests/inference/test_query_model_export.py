"""A model is copied only where the copy can do, and does, what the model does."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mdsa_server.inference import query_model_export
from mdsa_server.inference.embedding_model import find_model
from mdsa_server.inference.query_model_export import (
    COPY,
    LARGEST,
    PROBES,
    REFUSED,
    Unsuitable,
    make,
    require_like,
    require_suitable,
)


class FakeModel(list[Any]):
    """What is asked of a SentenceTransformer before it is copied: its modules, and how it reads."""

    def __init__(self, *kinds: str, prompt: str = "", fast: bool = True, parameters: int = 10) -> None:
        super().__init__(type(kind, (), {})() for kind in kinds)
        self.tokenizer = SimpleNamespace(backend_tokenizer=object() if fast else None)
        self.prompts = {"query": prompt}
        self.default_prompt_name = "query"
        self.parameters = lambda: [SimpleNamespace(numel=lambda: parameters)]


@pytest.mark.parametrize("kinds", [("Transformer", "Pooling"), ("Transformer", "Pooling", "Dense", "Normalize")])
def test_a_transformer_with_pooling_may_be_copied(kinds: tuple[str, ...]) -> None:
    require_suitable(FakeModel(*kinds))


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (FakeModel("StaticEmbedding"), "StaticEmbedding"),
        (FakeModel("Router", "Pooling"), "Router"),
        (FakeModel("Transformer", "Pooling", "LSTM"), "LSTM"),
        (FakeModel("Transformer", "Pooling", prompt="query: "), "'query: '"),
        (FakeModel("Transformer", "Pooling", fast=False), "tokenizer"),
        (FakeModel("Transformer", "Pooling", parameters=LARGEST + 1), "parameters"),
    ],
)
def test_a_model_of_another_kind_is_refused(model: FakeModel, reason: str) -> None:
    with pytest.raises(Unsuitable, match=reason):
        require_suitable(model)


@pytest.mark.parametrize("noise", [0.0, 0.15])
def test_a_copy_is_taken_where_it_is_near(noise: float) -> None:
    require_like(right(), lambda texts: with_noise(noise))


@pytest.mark.parametrize("noise", [0.4, 3.0, np.nan])
def test_a_copy_that_is_off_is_refused(noise: float) -> None:
    with pytest.raises(Unsuitable, match="not near enough"):
        require_like(right(), lambda texts: with_noise(noise))


def test_a_copy_that_is_off_at_one_probe_is_refused() -> None:
    off = right()
    off[3] = right()[4]
    with pytest.raises(Unsuitable, match="not near enough"):
        require_like(right(), lambda texts: off)


def test_a_copy_that_failed_its_check_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_model_export, "WORST_COSINE", 1.1)
    make(find_model("auto", offline=True), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [REFUSED]
    assert "not near enough" in (tmp_path / REFUSED).read_text()
    assert not (tmp_path / COPY).exists()


def test_it_ends_with_whoever_started_it(tmp_path: Path) -> None:
    model = str(find_model("auto", offline=True))
    command = [sys.executable, "-m", "mdsa_server.inference.query_model_export", model, str(tmp_path)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    assert done.returncode == 1
    assert not (tmp_path / COPY).exists()


def right() -> Any:
    return unit(np.random.default_rng(1).normal(size=(len(PROBES), 384)))


def with_noise(noise: float) -> Any:
    return unit(right() + unit(np.random.default_rng(2).normal(size=(len(PROBES), 384))) * noise)


def unit(vectors: Any) -> Any:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
