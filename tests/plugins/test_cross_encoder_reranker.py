"""The reranker on a cross-encoder: a tiny one, made for the test, whose judgement is no good but real."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from mdsa_server.errors import ModelTimeout, PluginFault
from mdsa_server.plugin_api import Passage
from mdsa_server.plugin_host.registry import PluginRegistry
from tests.plugins.first_party import opened

PASSAGES = [Passage(text=text, source="a.md") for text in ("oil the pump", "sweep the chimney", "oil oil oil")]


class SlowToLoad:
    """Loads real models, once it may."""

    def __init__(self, load: Callable[..., Any]) -> None:
        self._load = load
        self.loads = 0
        self.go_on = threading.Event()

    def __call__(self, *given: Any, **named: Any) -> Any:
        self.loads += 1
        self.go_on.wait(30)
        return self._load(*given, **named)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    folder = tmp_path_factory.mktemp("cross-encoder")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "oil", "the", "pump", "sweep", "chimney"]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(words),
        num_labels=1,  # type: ignore[call-arg]  # its base class takes it
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        initializer_range=1.0,
    )
    torch.manual_seed(1)
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowToLoad]:
    """Has each load of a model counted, and wait until the test is content."""
    import sentence_transformers

    loading = SlowToLoad(sentence_transformers.CrossEncoder)
    monkeypatch.setattr(sentence_transformers, "CrossEncoder", loading)
    yield loading
    loading.go_on.set()


async def scores_of(registry: PluginRegistry, message: str, passages: Sequence[Passage]) -> Sequence[float]:
    """Ask the reranker, again while it says that it is still loading."""
    (reranker,) = registry.rerankers
    async with asyncio.timeout(60):
        while True:
            try:
                return await registry.call(reranker, lambda: reranker.rerank(message, passages))
            except ModelTimeout:
                continue


async def test_it_scores_each_passage_with_the_message(model: Path) -> None:
    async with opened("cross_encoder_reranker", settings={"model": str(model)}) as registry:
        scores = await scores_of(registry, "oil the pump", PASSAGES)
        again = await scores_of(registry, "oil the pump", PASSAGES[::-1])
    assert len(set(scores)) == 3, "each is read"
    assert list(again) == pytest.approx(list(scores)[::-1], abs=1e-5)


async def test_headings_are_read_and_a_long_message_is_not_read_to_its_end(model: Path) -> None:
    async with opened("cross_encoder_reranker", settings={"model": str(model)}) as registry:
        plain, headed = await scores_of(
            registry, "oil", [PASSAGES[0], structs.replace(PASSAGES[0], heading=("sweep", "chimney"))]
        )
        assert plain != headed
        began = time.perf_counter()
        await scores_of(registry, "oil the pump " * 80_000, PASSAGES)
        assert time.perf_counter() - began < 2.0


async def test_while_the_model_is_loaded_it_says_so_which_is_no_fault_and_loads_it_once(
    model: Path, slow: SlowToLoad
) -> None:
    async with opened("cross_encoder_reranker", settings={"model": str(model)}) as registry:
        (reranker,) = registry.rerankers
        for _ in range(3):
            with pytest.raises(ModelTimeout, match="still being loaded"):
                await registry.call(reranker, lambda: reranker.rerank("oil", PASSAGES))
        slow.go_on.set()
        assert len(await scores_of(registry, "oil", PASSAGES)) == 3
        assert slow.loads == 1
        assert registry.status()[0].state == "active"


async def test_a_search_that_gives_up_has_nothing_begin_twice(model: Path, slow: SlowToLoad) -> None:
    async with opened("cross_encoder_reranker", settings={"model": str(model)}) as registry:
        (reranker,) = registry.rerankers
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reranker.rerank("oil", PASSAGES), 0.05)
        slow.go_on.set()
        assert len(await scores_of(registry, "oil", PASSAGES)) == 3
        assert slow.loads == 1


async def test_without_a_model_it_offers_nothing() -> None:
    async with opened("cross_encoder_reranker") as registry:
        assert registry.rerankers == ()


async def test_a_model_that_is_not_there_is_told(tmp_path: Path) -> None:
    async with opened("cross_encoder_reranker", settings={"model": str(tmp_path / "none")}) as registry:
        with pytest.raises(PluginFault, match="cannot be loaded"):
            await scores_of(registry, "oil", PASSAGES)
