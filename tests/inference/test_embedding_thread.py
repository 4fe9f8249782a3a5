"""Whoever asks while a batch is made shares the next one, and nobody waits behind a pile."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.errors import EmbedderUnavailable
from mdsa_server.inference.embedding_model import Vectors
from mdsa_server.inference.embedding_thread import BATCH_CHARS, BATCH_TEXTS, EmbeddingThread, Order, take_batch

PATIENCE = 10.0
"""Seconds after which a test gives up on the thread."""


class Model:
    """Gives each text its own length as a vector; makes no batch before it is let."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.begun = threading.Semaphore(0)
        self.let = threading.Semaphore(0)

    def __call__(self, texts: Sequence[str]) -> Vectors:
        self.batches.append(list(texts))
        self.begun.release()
        assert self.let.acquire(timeout=PATIENCE)
        if "bad" in texts:
            raise RuntimeError("no memory")
        return np.array([[len(text)] for text in texts], np.float32)

    def wait(self) -> None:
        assert self.begun.acquire(timeout=PATIENCE)

    def go(self, batches: int = 1) -> None:
        self.let.release(batches)


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def thread(model: Model) -> Iterator[EmbeddingThread]:
    thread = EmbeddingThread(lambda: model)
    yield thread
    model.go(1000)
    thread.close()


def lengths(future: Future[Vectors]) -> list[float]:
    return [float(vector[0]) for vector in future.result(PATIENCE)]


def order_until_refused(thread: EmbeddingThread) -> None:
    """Orders are taken until the thread that closes has come so far."""
    while True:
        thread.order(["late"])


def test_each_caller_gets_its_own_vectors_in_its_own_order(thread: EmbeddingThread, model: Model) -> None:
    model.go(10)
    first, second = thread.order(["ccc", "a", "bb"]), thread.order(["dddd"])
    assert (lengths(first), lengths(second)) == ([3, 1, 2], [4])


def test_those_who_ask_while_a_batch_is_made_share_the_next(thread: EmbeddingThread, model: Model) -> None:
    thread.order(["first"])
    model.wait()
    orders = [thread.order([text]) for text in ("ccc", "a", "bb")]
    model.go(2)
    assert [lengths(order) for order in orders] == [[3], [1], [2]]
    assert [sorted(batch) for batch in model.batches] == [["first"], ["a", "bb", "ccc"]]


def test_a_question_does_not_wait_behind_a_pile_of_documents(thread: EmbeddingThread, model: Model) -> None:
    pile = thread.order(["document"] * (BATCH_TEXTS * 3))
    model.wait()
    question = thread.order(["question"])
    model.go(2)
    assert lengths(question) == [8]
    assert not pile.done()
    model.go(10)
    assert lengths(pile) == [8] * (BATCH_TEXTS * 3)


def test_what_is_no_longer_wanted_is_not_embedded(thread: EmbeddingThread, model: Model) -> None:
    thread.order(["first"])
    model.wait()
    given_up, wanted = thread.order(["given up"]), thread.order(["wanted"])
    given_up.cancel()
    model.go(2)
    assert lengths(wanted) == [6]
    assert model.batches == [["first"], ["wanted"]]


def test_giving_up_in_the_middle_of_a_batch_hurts_nobody(thread: EmbeddingThread, model: Model) -> None:
    given_up = thread.order(["given up"])
    model.wait()
    given_up.cancel()
    model.go(2)
    assert lengths(thread.order(["next"])) == [4]


async def test_a_cancelled_task_takes_its_order_back(thread: EmbeddingThread, model: Model) -> None:
    thread.order(["first"])
    await asyncio.to_thread(model.wait)

    async def ask() -> Vectors:
        return await asyncio.wrap_future(thread.order(["given up"]))

    task = asyncio.create_task(ask())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    model.go(2)
    await asyncio.wrap_future(thread.order(["last"]))
    assert model.batches == [["first"], ["last"]]


def test_a_failure_reaches_those_it_concerns_and_the_thread_goes_on(thread: EmbeddingThread, model: Model) -> None:
    model.go(10)
    failed = thread.order(["bad", *["much"] * BATCH_TEXTS])
    with pytest.raises(EmbedderUnavailable, match="RuntimeError: no memory") as caught:
        failed.result(PATIENCE)
    assert caught.value.mend
    assert lengths(thread.order(["good"])) == [4]


def test_a_model_that_could_not_be_loaded_is_tried_again(model: Model) -> None:
    missing = [EmbedderUnavailable("not there", "fetch it")]

    def load() -> Model:
        if missing:
            raise missing.pop()
        return model

    model.go(10)
    thread = EmbeddingThread(load)
    with pytest.raises(EmbedderUnavailable, match="not there"):
        thread.order(["early"]).result(PATIENCE)
    assert lengths(thread.order(["later"])) == [5]
    thread.close()


def test_closing_finishes_the_batch_in_hand_and_tells_those_who_wait(thread: EmbeddingThread, model: Model) -> None:
    in_hand = thread.order(["in hand"])
    model.wait()
    waiting = thread.order(["waiting"])
    closing = threading.Thread(target=thread.close)
    closing.start()
    with pytest.raises(EmbedderUnavailable, match="shutting down"):
        order_until_refused(thread)
    model.go()
    closing.join(PATIENCE)
    assert lengths(in_hand) == [7]
    with pytest.raises(EmbedderUnavailable, match="shutting down"):
        waiting.result(PATIENCE)


def test_a_thread_that_had_no_order_is_closed_too() -> None:
    EmbeddingThread(Model).close()


@given(st.lists(st.lists(st.integers(0, 3 * BATCH_CHARS // BATCH_TEXTS), min_size=1, max_size=50), max_size=8))
def test_batches_are_bounded_and_hold_every_text_once(sizes: list[list[int]]) -> None:
    orders = [Order(["x" * size for size in sizes_of_one]) for sizes_of_one in sizes]
    taken: list[tuple[int, int]] = []
    while waiting := [order for order in orders if order.left]:
        batch = take_batch(waiting)
        longest = max(len(order.texts[place]) for order, place in batch)
        assert 0 < len(batch) <= BATCH_TEXTS
        assert len(batch) == 1 or longest * len(batch) <= BATCH_CHARS
        taken += [(orders.index(order), place) for order, place in batch]
    assert sorted(taken) == [(number, place) for number, one in enumerate(sizes) for place in range(len(one))]


def test_texts_of_like_length_share_a_batch() -> None:
    order = Order(["x" * length for length in (500, 1, 500, 2) * 16])
    batches = []
    while order.left:
        batches.append({len(order.texts[place]) for _, place in take_batch([order])})
    assert batches[0] == {1, 2}
    assert all(batch == {500} for batch in batches[1:])
