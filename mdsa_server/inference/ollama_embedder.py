"""Texts to vectors by one of the engine's own models (Ollama's `/api/embed`)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import numpy as np

from mdsa_server.errors import EmbedderUnavailable, EngineError, LineFull, NoRoom, UnknownModel
from mdsa_server.inference.embedding_cache import EmbeddingCache, readable, recall
from mdsa_server.inference.embedding_model import Vectors
from mdsa_server.inference.model_keeper import ModelKeeper

# So many texts are sent at once: what waits behind them, such as a message, waits no longer than for these.
BATCH_TEXTS = 32


class OllamaEmbedder:
    """Takes a lease for each batch, like a turn: so it waits in line, and no model in use goes for its sake.

    `keeper` gives the keeper of the engine's models when it is first needed.
    """

    tokenizer: Path | None = None
    """The engine tells of no tokenizer: lengths are estimated."""

    def __init__(self, keeper: Callable[[], Awaitable[ModelKeeper]], model: str, cache: EmbeddingCache | None) -> None:
        self._keeper = keeper
        self._model = model
        self._cache = cache

    async def encoder(self) -> str:
        """Name the model by its weights, for caches and indexes. Raises EmbedderUnavailable."""
        engine = (await self._keeper()).engine
        try:
            engine.check()
            installed = await engine.client.installed()
        except (EngineError, UnknownModel) as error:
            raise _unavailable(error) from error
        for model in installed:
            if model.name in (self._model, f"{self._model}:latest"):
                return f"ollama-1-{model.digest.removeprefix('sha256:')[:24]}"
        raise EmbedderUnavailable(
            f"the engine has no model {self._model!r} to embed with", f"Fetch it: mdsa models pull {self._model}"
        )

    async def embed(self, texts: Sequence[str], *, cached: bool = False) -> Vectors:
        """Give unit vectors, float32, shape (texts, dimensions), (0, 0) of none. Raises EmbedderUnavailable."""
        if cached and self._cache and texts:
            return await recall(self._cache, await self.encoder(), texts, self.embed_passages)
        return await self.embed_passages(texts)

    async def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """The same, never from the cache."""
        made: list[list[float]] = []
        for start in range(0, len(texts), BATCH_TEXTS):
            # The engine gives no vector for an empty text.
            made += await self._ask([readable(text) or " " for text in texts[start : start + BATCH_TEXTS]])
        if not made:
            return np.empty((0, 0), np.float32)
        vectors = np.array(made, np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(lengths, 1e-9), np.float32)

    async def close(self) -> None:
        """There is nothing to end: the engine and its keeper are others'."""

    async def _ask(self, texts: Sequence[str]) -> list[list[float]]:
        keeper = await self._keeper()
        try:
            async with keeper.lease([self._model], {}) as lease:
                async for _ in lease.admission(time.monotonic):
                    pass
                vectors = await lease.client.embed(lease.model, texts, keep_alive=lease.keep_alive)
        except (EngineError, UnknownModel, LineFull, NoRoom) as error:
            raise _unavailable(error) from error
        if len(vectors) != len(texts) or len({len(vector) for vector in vectors}) != 1:
            raise EmbedderUnavailable(
                f"{self._model!r} gave {len(vectors)} vectors for {len(texts)} texts",
                "Name a model that embeds, such as nomic-embed-text: [embedding] model in mdsa.toml.",
            )
        return vectors


def _unavailable(error: EngineError | UnknownModel | LineFull | NoRoom) -> EmbedderUnavailable:
    return EmbedderUnavailable(f"the engine does not embed: {error.detail}", error.mend)
