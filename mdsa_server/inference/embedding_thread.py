"""A thread that embeds: whoever asks while a batch is made shares the next one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np

from mdsa_server.errors import EmbedderUnavailable
from mdsa_server.inference.embedding_model import Encode, Vectors

# How long the server waits, when it ends, for the batch in hand.
CLOSING_SECONDS = 1.0
BATCH_TEXTS = 32
# Padded: the longest text's length times the texts. A question that comes behind a batch of this size
# waits for it less than half a second on two cores.
BATCH_CHARS = 8_000


@dataclass(eq=False)
class Order:
    """Texts that one caller wants embedded; `done` gets their vectors, or is cancelled by the caller."""

    texts: Sequence[str]
    done: Future[Vectors] = field(default_factory=Future)
    left: list[int] = field(init=False)
    """Places of the texts still to embed, longest first: they are taken from the end."""
    vectors: dict[int, Vectors] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.left = sorted(range(len(self.texts)), key=lambda place: -len(self.texts[place]))


class EmbeddingThread:
    """Starts with the first order and ends with `close`; `load` is called in it, again if it failed.

    A batch has up to `batch_texts` texts.
    """

    def __init__(self, load: Callable[[], Encode], *, name: str = "embedder", batch_texts: int = BATCH_TEXTS) -> None:
        self._load = load
        self._name = name
        self._batch_texts = batch_texts
        self._orders: list[Order] = []
        self._changed = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None

    def order(self, texts: Sequence[str]) -> Future[Vectors]:
        """Ask for unit vectors, shape (texts, dimensions); cancelling the future takes back what is not yet made.

        The future, or this call once the thread is closing, raises EmbedderUnavailable.
        """
        order = Order(texts)
        with self._changed:
            if self._closing:
                raise _closing()
            self._orders.append(order)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
            self._changed.notify()
        return order.done

    def close(self) -> None:
        """End after the batch in hand, and wait a while for that; orders that are left get EmbedderUnavailable."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread:
            # Importing PyTorch cannot be interrupted and takes seconds; nobody should wait for it to leave.
            self._thread.join(CLOSING_SECONDS)

    def _work(self) -> None:
        encode: Encode | None = None
        while batch := self._next_batch():
            try:
                encode = encode or self._load()
                vectors = encode([order.texts[place] for order, place in batch])
            except EmbedderUnavailable as error:
                self._give_up(batch, error)
            except Exception as error:
                # Whatever the model's libraries raise, this thread goes on and the askers hear of it.
                self._give_up(batch, _broken(error))
            else:
                _hand_out(batch, vectors)
        for order in self._orders:
            _fail(order, _closing())

    def _next_batch(self) -> list[tuple[Order, int]]:
        """Wait for orders and take texts from them; nothing when the thread is to end."""
        with self._changed:
            while not self._closing:
                self._orders = [order for order in self._orders if not order.done.cancelled()]
                if self._orders:
                    batch = take_batch(self._orders, self._batch_texts)
                    self._orders = [order for order in self._orders if order.left]
                    return batch
                self._changed.wait()
            return []

    def _give_up(self, batch: Sequence[tuple[Order, int]], error: EmbedderUnavailable) -> None:
        hit = {order for order, _ in batch}
        with self._changed:
            self._orders = [order for order in self._orders if order not in hit]
        for order in hit:
            _fail(order, error)


def take_batch(orders: Sequence[Order], most: int = BATCH_TEXTS) -> list[tuple[Order, int]]:
    """Take up to `most` texts for one batch from the orders, those with the fewest left first, short texts first.

    So a question never waits for a pile of documents, and texts of like length share a batch.
    """
    batch: list[tuple[Order, int]] = []
    longest = 0
    for order in sorted(orders, key=lambda order: len(order.left)):
        while order.left and len(batch) < most:
            longest = max(longest, len(order.texts[order.left[-1]]))
            if batch and longest * (len(batch) + 1) > BATCH_CHARS:
                return batch
            batch.append((order, order.left.pop()))
    return batch


def _hand_out(batch: Sequence[tuple[Order, int]], vectors: Vectors) -> None:
    for (order, place), vector in zip(batch, vectors, strict=True):
        order.vectors[place] = vector
        if len(order.vectors) == len(order.texts) and order.done.set_running_or_notify_cancel():
            order.done.set_result(np.stack([order.vectors[place] for place in range(len(order.texts))]))


def _fail(order: Order, error: EmbedderUnavailable) -> None:
    if order.done.set_running_or_notify_cancel():
        order.done.set_exception(error)


def _broken(error: Exception) -> EmbedderUnavailable:
    return EmbedderUnavailable(
        f"the embedding model failed ({type(error).__name__}: {error})",
        "Try again; if it stays so, check the machine's memory and [embedding] model in mdsa.toml.",
    )


def _closing() -> EmbedderUnavailable:
    return EmbedderUnavailable("the server is shutting down", "Ask again when it runs.")
