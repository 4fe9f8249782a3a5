"""What tests of documents begin with: the embedder's tokenizer, a reader, a library, and a folder of files."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mdsa_server.inference.embedding_model import find_model
from mdsa_server.knowledge.reading import Reader
from tests.knowledge.libraries import PUMP, Bench, opened

MEMORY = 1_000_000_000


@pytest.fixture(scope="session")
def tokenizer() -> Path:
    """The tokenizer of the embedding model that is always installed."""
    return find_model("auto", offline=True) / "tokenizer.json"


@pytest.fixture
def reader(tokenizer: Path) -> Reader:
    return Reader(tokenizer, passage_tokens=128, max_bytes=20_000_000, seconds=30, memory=MEMORY)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    (tmp_path / "data").mkdir()
    async with opened(tmp_path / "data") as bench:
        yield bench


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "manuals"
    folder.mkdir()
    (folder / "pump.md").write_text(PUMP)
    (folder / "stove.txt").write_text("The stove burns dry wood. Sweep its chimney once a year.")
    return folder
