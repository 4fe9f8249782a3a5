"""Vectors for passages that lack them, as after a change of the embedding model; how far that is, is told."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from mdsa_server.errors import EmbedderUnavailable
from mdsa_server.knowledge.embedded_text import in_context
from mdsa_server.knowledge.ingest import EmbedPassages
from mdsa_server.store.vector_index import Unembedded, VectorIndex, usable
from mdsa_server.vocabulary.documents import Embedding

log = structlog.get_logger(__name__)

# So many passages at once get vectors of another encoder.
FILLED_AT_ONCE = 64
# How long until it is looked again whether the embedding model can be loaded.
PAUSE_SECONDS = 30.0
ANY_TEXT = "What the embedding model makes of this says whether it works."


class Filling:
    """Says by `embedding` how far it is; None while there is nothing to do."""

    def __init__(self, index: VectorIndex, embed: EmbedPassages) -> None:
        self._index = index
        self._embed = embed
        self._aside: set[int] = set()
        """Passages that the encoder takes in no case: they are found by their words."""
        self.embedding: Embedding | None = None

    async def fill(self) -> None:
        """Embed what is lacking, until nothing is. Raises EmbedderUnavailable where nothing can be embedded now."""
        passages, left = await self._left()
        if not left:
            self.embedding = None
            return
        if self.embedding is None:
            log.info("passages get vectors of the present embedding model; until then words find them", passages=left)
            self.embedding = Embedding(done=0, of=left)
        done = self.embedding.done
        while left:
            # More may have been taken in meanwhile, or less be there.
            self.embedding = Embedding(done=done, of=done + left)
            await self._fill(passages)
            done += len(passages)
            passages, left = await self._left()
        log.info("all passages have vectors of the present embedding model", passages=done, set_aside=len(self._aside))
        self.embedding = None

    async def _left(self) -> tuple[list[Unembedded], int]:
        return await self._index.unembedded(FILLED_AT_ONCE, self._aside)

    async def _fill(self, passages: Sequence[Unembedded]) -> None:
        try:
            await self._keep(passages)
        except EmbedderUnavailable:
            # If it embeds something else, one of these is at fault; if not, it is none of theirs.
            await self._embed([ANY_TEXT])
            for passage in passages:
                await self._keep_or_set_aside(passage)

    async def _keep_or_set_aside(self, passage: Unembedded) -> None:
        try:
            await self._keep([passage])
        except EmbedderUnavailable as error:
            await self._embed([ANY_TEXT])
            self._set_aside(passage, error.detail)

    def _set_aside(self, passage: Unembedded, problem: str) -> None:
        self._aside.add(passage.id)
        log.warning("a passage is found by its words alone", title=passage.title, problem=problem)

    async def _keep(self, passages: Sequence[Unembedded]) -> None:
        texts = [in_context(passage.title, passage.heading, passage.text.strip()) for passage in passages]
        vectors = await self._embed(texts)
        there = usable(vectors)
        for passage in (one for one, is_there in zip(passages, there, strict=True) if not is_there):
            self._set_aside(passage, "the embedding model makes nothing of it")
        kept = [one for one, is_there in zip(passages, there, strict=True) if is_there]
        await self._index.fill(kept, vectors[there])
