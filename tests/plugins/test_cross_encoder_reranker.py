"""The reranker on a cross-encoder: a tiny one, made for the test, whose judgement is no good but real."""

from pathlib import Path

import pytest

from mdsa_server.errors import PluginFault
from mdsa_server.plugin_api import Passage
from tests.plugins.first_party import opened

PASSAGES = [Passage(text=text, source="a.md") for text in ("oil the pump", "sweep the chimney", "oil oil oil")]


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


async def test_it_scores_each_passage_with_the_message(model: Path) -> None:
    async with opened("cross_encoder_reranker", settings={"model": str(model)}) as registry:
        (reranker,) = registry.rerankers
        scores = await registry.call(reranker, lambda: reranker.rerank("oil the pump", PASSAGES))
        again = await registry.call(reranker, lambda: reranker.rerank("oil the pump", PASSAGES[::-1]))
    assert len(set(scores)) == 3, "each is read"
    assert list(again) == pytest.approx(list(scores)[::-1], abs=1e-5)


async def test_without_a_model_it_offers_nothing() -> None:
    async with opened("cross_encoder_reranker") as registry:
        assert registry.rerankers == ()


async def test_a_model_that_is_not_there_is_told(tmp_path: Path) -> None:
    async with opened("cross_encoder_reranker", settings={"model": str(tmp_path / "none")}) as registry:
        (reranker,) = registry.rerankers
        with pytest.raises(PluginFault, match="cannot be loaded"):
            await registry.call(reranker, lambda: reranker.rerank("oil", PASSAGES))
