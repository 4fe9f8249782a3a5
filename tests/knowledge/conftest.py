"""What tests of reading begin with: the embedder's tokenizer, and a reader."""

from pathlib import Path

import pytest

from mdsa_server.inference.embedding_model import find_model
from mdsa_server.knowledge.reading import Reader

MEMORY = 1_000_000_000


@pytest.fixture(scope="session")
def tokenizer() -> Path:
    """The tokenizer of the embedding model that is always installed."""
    return find_model("auto", offline=True) / "tokenizer.json"


@pytest.fixture
def reader(tokenizer: Path) -> Reader:
    return Reader(tokenizer, passage_tokens=128, max_bytes=20_000_000, seconds=30, memory=MEMORY)
