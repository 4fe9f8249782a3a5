"""Messages are embedded by a small copy of the model, made once; whatever goes wrong with it, none is lost."""

import asyncio
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from mdsa_server.errors import EmbedderUnavailable
from mdsa_server.inference import query_embedder
from mdsa_server.inference.embedder import FEW, Embedder
from mdsa_server.inference.embedding_model import Encode, Vectors, find_model, fingerprint_of, load_model
from mdsa_server.inference.query_model import name_of_copy
from mdsa_server.inference.query_model_export import COPY, make

PATIENCE = 120.0
"""Seconds after which a test gives up on a copy: making it takes ten on idle cores."""
MODEL = find_model("auto", offline=True)
NAME = name_of_copy(fingerprint_of(MODEL))
SECONDS_TO_CLOSE = 5.0


@pytest.fixture(scope="module")
def torch_encode() -> Encode:
    return load_model(MODEL, offline=True, threads=0)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, for tests to take copies of."""
    workshop = tmp_path_factory.mktemp("workshop")
    make(MODEL, workshop)
    return workshop / COPY


@pytest.fixture
def copies(tmp_path: Path, made: Path) -> Path:
    """A folder of copies as the server before has left it."""
    folder = tmp_path / "encoders"
    folder.mkdir()
    shutil.copy(made, folder / f"{NAME}.onnx")
    return folder


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_embedder, "SETTLE_SECONDS", 0.0)


def an_embedder(copies: Path) -> Embedder:
    return Embedder("auto", offline=True, threads=0, cache=None, copies=copies)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  # what is waited for happens in another thread, or process
            await asyncio.sleep(0.02)


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def cosines(some: Vectors, others: Vectors) -> list[float]:
    return [float(cosine) for cosine in np.einsum("ij,ij->i", some, others)]


async def test_a_messages_vector_is_near_that_of_the_model_and_has_unit_length(
    copies: Path, torch_encode: Encode
) -> None:
    messages = ["Who wrote Faust?", "fix this function for me please", "x" * 30_000, "word " * 3_000, "", "\ud800 😀"]
    embedder = an_embedder(copies)
    vectors = np.concatenate([await embedder.embed([message]) for message in messages])
    assert embedder.query_fingerprint == NAME
    await embedder.close()
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    readable = [message.replace("\ud800", "?") for message in messages]
    assert min(cosines(vectors, torch_encode(readable))) > 0.9


async def test_a_message_has_the_same_vector_alone_and_in_company(copies: Path) -> None:
    embedder = an_embedder(copies)
    messages = ["short", "a message that is a good deal longer than the others are"]
    together = await embedder.embed(messages)
    alone = np.concatenate(await asyncio.gather(*(embedder.embed([message]) for message in messages)))
    await embedder.close()
    assert np.array_equal(together, alone)


async def test_piles_and_texts_that_come_again_are_embedded_by_the_model_itself(
    copies: Path, torch_encode: Encode
) -> None:
    texts = [f"text number {number}" for number in range(FEW + 1)]
    right = torch_encode(texts)
    embedder = an_embedder(copies)
    pile = await embedder.embed(texts)
    example = await embedder.embed(texts[:1], cached=True)
    message = await embedder.embed(texts[:1])
    await embedder.close()
    assert np.abs(pile - right).max() < 1e-5
    assert np.abs(example - right[:1]).max() < 1e-5
    assert np.abs(message - right[:1]).max() > 1e-3


async def test_a_copy_that_is_damaged_is_made_anew_and_no_message_waits_for_it(copies: Path) -> None:
    file = copies / f"{NAME}.onnx"
    file.write_bytes(file.read_bytes()[:100_000])
    (copies / "left-by-a-crash").mkdir()
    embedder = an_embedder(copies)
    with capture_logs() as logs:
        assert (await embedder.embed(["a message"])).shape == (1, 384)
        assert embedder.query_fingerprint == embedder.fingerprint
        await until(lambda: embedder.query_fingerprint == NAME)
        assert (await embedder.embed(["a message"])).shape == (1, 384)
    await embedder.close()
    assert [line["log_level"] for line in logs] == ["warning", "info"]
    assert names_in(copies) == [f"{NAME}.onnx"]


async def test_a_model_that_was_refused_a_copy_stays_with_pytorch_and_one_line_says_why(
    tmp_path: Path, torch_encode: Encode
) -> None:
    (tmp_path / f"{NAME}.txt").write_text("it is built of Router")
    embedder = an_embedder(tmp_path)
    with capture_logs() as logs:
        vectors = [await embedder.embed(["a message"]) for _ in range(2)]
    await embedder.close()
    assert cosines(vectors[1], torch_encode(["a message"])) == pytest.approx([1.0], abs=1e-5)
    assert [(line["log_level"], line["reason"]) for line in logs] == [("info", "it is built of Router")]
    assert names_in(tmp_path) == [f"{NAME}.txt"]


async def test_a_model_that_can_have_no_copy_is_refused_once(tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(MODEL, model)
    (model / "config_sentence_transformers.json").write_text(
        '{"prompts": {"search": "query: "}, "default_prompt_name": "search"}'
    )
    copies = tmp_path / "encoders"
    refusal = copies / f"{name_of_copy(fingerprint_of(model))}.txt"
    embedder = Embedder(str(model), offline=True, threads=0, cache=None, copies=copies)
    with capture_logs() as logs:
        await embedder.embed(["a message"])
        await until(lambda: bool(logs))
    await embedder.close()
    assert "'query: '" in refusal.read_text()
    assert [line["log_level"] for line in logs] == ["info"]


async def test_where_the_libraries_are_missing_pytorch_goes_on_and_the_log_says_what_to_install(
    copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    embedder = an_embedder(copies)
    with capture_logs() as logs:
        for _ in range(2):
            assert (await embedder.embed(["a message"])).shape == (1, 384)
    await embedder.close()
    assert len(logs) == 1
    assert "pip install onnxruntime" in logs[0]["problem"]


async def test_a_copy_that_fails_at_a_message_is_given_up_with_one_warning(
    copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(texts: Sequence[str]) -> Vectors:
        raise RuntimeError("no memory")

    monkeypatch.setattr(query_embedder, "open_query_model", lambda file: fail)
    embedder = an_embedder(copies)
    with capture_logs() as logs:
        vectors = await asyncio.gather(*(embedder.embed([f"message {number}"]) for number in range(5)))
    assert embedder.query_fingerprint == embedder.fingerprint
    await embedder.close()
    assert [vector.shape for vector in vectors] == [(1, 384)] * 5
    assert [line["log_level"] for line in logs] == ["warning"]
    assert "no memory" in logs[0]["problem"]


async def test_a_copy_that_cannot_be_made_costs_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    embedder = an_embedder(tmp_path / "encoders")
    with capture_logs() as logs:
        assert (await embedder.embed(["a message"])).shape == (1, 384)
        await until(lambda: bool(logs))
        assert (await embedder.embed(["a message"])).shape == (1, 384)
    await embedder.close()
    assert ["no-python" in line["problem"] for line in logs] == [True]


async def test_closing_leaves_off_making_a_copy_and_leaves_nothing_behind(tmp_path: Path) -> None:
    copies = tmp_path / "encoders"
    embedder = an_embedder(copies)
    with capture_logs() as logs:
        await embedder.embed(["a message"])
        await until(lambda: copies.exists() and names_in(copies) != [])
        began = time.monotonic()
        await embedder.close()
    assert time.monotonic() - began < SECONDS_TO_CLOSE
    assert (names_in(copies), logs) == ([], [])


async def test_while_a_pile_is_embedded_messages_go_by_it(copies: Path) -> None:
    embedder = an_embedder(copies)
    await embedder.embed(["open the copy"])
    pile = asyncio.ensure_future(embedder.embed(["one of many documents, each of some length"] * 1000))
    for _ in range(5):
        await embedder.embed(["a message"])
    assert not pile.done()
    pile.cancel()
    await embedder.close()


async def test_a_closed_embedder_says_so_and_not_that_a_copy_failed(copies: Path) -> None:
    embedder = an_embedder(copies)
    await embedder.embed(["open the copy"])
    await embedder.close()
    with capture_logs() as logs, pytest.raises(EmbedderUnavailable, match="shutting down"):
        await embedder.embed(["a message"])
    assert logs == []
