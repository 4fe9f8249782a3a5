"""A reranker that reads message and passage together: a cross-encoder. It needs a model of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from mdsa_server.plugin_api import Passage, PluginContext, PluginFault, Reranker, hookimpl

# A cross-encoder reads some hundreds of tokens; more would be split into tokens for nothing.
TEXT_CHARS = 4_000


class CrossEncoderSettings(Struct):
    """The table `[plugins.cross_encoder_reranker]`."""

    model: str = ""
    """A folder, or a name on the Hugging Face hub."""
    offline: bool = True
    """Whether it may only come from this machine's disk."""


@hookimpl
def plugin_settings() -> type[CrossEncoderSettings]:
    return CrossEncoderSettings


@hookimpl
def register_rerankers(context: PluginContext) -> Iterable[Reranker]:
    return [CrossEncoderReranker(context.settings)] if context.settings.model else []


class CrossEncoderReranker:
    """Loads its model when it is first asked."""

    name = "cross_encoder_reranker"

    def __init__(self, settings: CrossEncoderSettings) -> None:
        self._settings = settings
        self._one_at_a_time = asyncio.Lock()
        self._model: Any = None

    async def rerank(self, message: str, passages: Sequence[Passage]) -> Sequence[float]:
        """Score each passage with its title before it. Raises PluginFault where the model cannot be loaded."""
        pairs = [(message, f"{passage.title}\n{passage.text[:TEXT_CHARS]}") for passage in passages]
        async with self._one_at_a_time:
            scores: list[float] = await asyncio.to_thread(self._score, pairs)
        return scores

    def _score(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        if self._model is None:
            self._model = self._load()
        return [float(score) for score in self._model.predict(list(pairs), show_progress_bar=False)]

    def _load(self) -> Any:
        from sentence_transformers import CrossEncoder

        folder = Path(self._settings.model).expanduser()
        name = str(folder) if folder.is_dir() else self._settings.model
        try:
            return CrossEncoder(name, device="cpu", local_files_only=self._settings.offline)
        except Exception as error:
            # The library raises a dozen kinds; all mean that there is no such model here.
            raise PluginFault(
                f"the cross-encoder {name!r} cannot be loaded ({type(error).__name__})",
                "Set model in [plugins.cross_encoder_reranker] to a folder, or offline to false to fetch it once.",
            ) from error
