"""Texts to vectors: found in the cache where they came before, made in threads of their own where not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mdsa_server.inference.embedding_cache import EmbeddingCache, readable, recall
from mdsa_server.inference.embedding_model import Encode, Vectors, find_model, fingerprint_of, load_model
from mdsa_server.inference.embedding_thread import EmbeddingThread
from mdsa_server.inference.query_embedder import QueryEmbedder
from mdsa_server.inference.query_model import name_of_copy

# Up to so many texts are a message. More are a pile, whose vectors are likely kept: those are worth the model itself.
FEW = 8


class Embedder:
    """Loads its model, and imports PyTorch, when the first text needs them; `close` ends its threads.

    `model` is "auto" (the packaged all-MiniLM-L6-v2), a folder or a name on the hub; `threads` is how many
    cores one batch may use, 0 leaves that to PyTorch; `cache` keeps the vectors of texts that come again;
    `copies` is the folder for the small copy of the model that embeds messages, None has PyTorch embed them too.
    """

    def __init__(
        self, model: str, *, offline: bool, threads: int, cache: EmbeddingCache | None, copies: Path | None = None
    ) -> None:
        self._model = model
        self._offline = offline
        self._threads = threads
        self._cache = cache
        self._finding = threading.Lock()
        self._folder: Path | None = None
        self._fingerprint: str | None = None
        self._dimensions = 0
        self._thread = EmbeddingThread(self._load)
        self._queries = QueryEmbedder(copies, lambda: (self._find(), self.fingerprint)) if copies else None

    @property
    def fingerprint(self) -> str:
        """The encoder's name for caches and indexes, made from the model's files without loading them.

        The first use reads those files: not on the event loop. Raises EmbedderUnavailable.
        """
        folder = self._find()
        if self._fingerprint is None:
            self._fingerprint = fingerprint_of(folder)
        return self._fingerprint

    @property
    def query_fingerprint(self) -> str:
        """The name of what embeds messages now: `fingerprint` until there is the small copy, and then the copy's.

        Vectors of the two are near and not equal: compare them, but do not take one for the other in a cache.
        Reads files like `fingerprint`. Raises EmbedderUnavailable.
        """
        return name_of_copy(self.fingerprint) if self._queries and self._queries.ready else self.fingerprint

    @property
    def tokenizer(self) -> Path | None:
        """The model's tokenizer as a file of `tokenizers`; None where it has none. Raises as `fingerprint`."""
        file = self._find() / "tokenizer.json"
        return file if file.is_file() else None

    async def encoder(self) -> str:
        """Give `fingerprint`, read off the event loop. Raises EmbedderUnavailable."""
        return await asyncio.to_thread(lambda: self.fingerprint)

    async def embed(self, texts: Sequence[str], *, cached: bool = False) -> Vectors:
        """Give unit vectors, float32, shape (texts, dimensions); `cached` for texts that will come again.

        A few texts that are not `cached` are taken for a message and come from the small copy where there is one.
        No texts give shape (0, dimensions), or (0, 0) before anything was embedded. What a model does not
        read of a long text is left out. Raises EmbedderUnavailable.
        """
        if not texts:
            return np.empty((0, self._dimensions), np.float32)
        if cached and self._cache:
            vectors = await recall(self._cache, await self.encoder(), texts, self._make)
        elif cached or len(texts) > FEW or not self._queries:
            vectors = await self._make(texts)
        else:
            vectors = await self._make_few(self._queries, texts)
        self._dimensions = vectors.shape[1]
        return vectors

    async def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Give the vectors of texts that are kept elsewhere, always by the model itself; else as `embed`."""
        return await self._make(texts) if texts else np.empty((0, self._dimensions), np.float32)

    async def close(self) -> None:
        """Finish the batch in hand; whoever still waits gets EmbedderUnavailable."""
        await asyncio.to_thread(self._thread.close)
        if self._queries:
            await asyncio.to_thread(self._queries.close)

    async def _make_few(self, queries: QueryEmbedder, texts: Sequence[str]) -> Vectors:
        vectors = await queries.embed([readable(text) for text in texts])
        if vectors is None:
            vectors = await self._make(texts)
            # Not before: until the model has been loaded, messages wait for the processor.
            queries.make_copy()
        return vectors

    async def _make(self, texts: Sequence[str]) -> Vectors:
        return await asyncio.wrap_future(self._thread.order([readable(text) for text in texts]))

    def _find(self) -> Path:
        with self._finding:
            if self._folder is None:
                self._folder = find_model(self._model, offline=self._offline)
            return self._folder

    def _load(self) -> Encode:
        return load_model(self._find(), offline=self._offline, threads=self._threads)
