"""A reranker that reads message and passage together: a cross-encoder. It needs a model of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from mdsa_server.plugin_api import ModelTimeout, Passage, PluginContext, PluginFault, Reranker, hookimpl

# A cross-encoder reads some hundreds of tokens of both together; more would be split into tokens for nothing.
MESSAGE_CHARS = 1_000
TEXT_CHARS = 4_000
# A search waits so long for a model that is being loaded, and then goes without.
PATIENCE_SECONDS = 1.0


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
@asynccontextmanager
async def plugin_lifespan(context: PluginContext) -> AsyncIterator[CrossEncoderReranker | None]:
    """Have the model loaded in the background, where one is named."""
    if not context.settings.model:
        yield None
        return
    reranker = CrossEncoderReranker(context.settings)
    try:
        yield reranker
    finally:
        reranker.close()


@hookimpl
def register_rerankers(context: PluginContext) -> Iterable[Reranker]:
    return [context.opened] if context.opened else []


class CrossEncoderReranker:
    """Loads its model once it is made. One thread loads and judges: nothing of either happens twice at once."""

    name = "cross_encoder_reranker"

    def __init__(self, settings: CrossEncoderSettings) -> None:
        self._settings = settings
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="cross-encoder")
        self._model = asyncio.get_running_loop().run_in_executor(self._thread, self._load)

    async def rerank(self, message: str, passages: Sequence[Passage]) -> Sequence[float]:
        """Score each passage with its title and headings before it.

        Raises PluginFault where the model cannot be loaded, and ModelTimeout while it is being loaded.
        """
        await asyncio.wait([self._model], timeout=PATIENCE_SECONDS)
        if not self._model.done():
            raise ModelTimeout("the cross-encoder is still being loaded", "Search again in a moment.")
        model = self._model.result()
        pairs = [(message[:MESSAGE_CHARS], _read(passage)) for passage in passages]
        return await asyncio.get_running_loop().run_in_executor(self._thread, _scores, model, pairs)

    def close(self) -> None:
        """Begin nothing more; what the thread is at ends by itself."""
        self._model.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

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


def _read(passage: Passage) -> str:
    """Give a passage as the model reads it."""
    place = " > ".join(part for part in (passage.title, *passage.heading) if part)
    return f"{place}\n{passage.text[:TEXT_CHARS]}"


def _scores(model: Any, pairs: Sequence[tuple[str, str]]) -> list[float]:
    return [float(score) for score in model.predict(list(pairs), show_progress_bar=False)]
