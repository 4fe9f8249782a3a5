"""The library: all documents of the server, with what takes them in and what searches them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from pathlib import Path

import structlog

from mdsa_server.errors import DocumentUnreadable, EmbedderUnavailable
from mdsa_server.knowledge.disk import asked
from mdsa_server.knowledge.embedded_text import in_context
from mdsa_server.knowledge.files import folder_now, require_folder, sources_of, sources_still_there
from mdsa_server.knowledge.ingest import EmbedPassages, Ingestion, Reader, Source, Tags, Tell
from mdsa_server.knowledge.search import Rerank, Search, Vector
from mdsa_server.plugin_api.contracts import Embed
from mdsa_server.store.database import Database
from mdsa_server.store.documents import Documents
from mdsa_server.store.passages import Passages
from mdsa_server.store.vector_index import VectorIndex, Vectors
from mdsa_server.vocabulary.documents import PassageFilter
from mdsa_server.vocabulary.ingestion import (
    AnyIngestionEvent,
    DocumentRefused,
    IngestionFailed,
    IngestionFinished,
)
from mdsa_server.vocabulary.passages import Passage

log = structlog.get_logger(__name__)

# So many passages at once get vectors of another encoder.
FILLED_AT_ONCE = 64
# How long until it is looked again whether the embedding model can be loaded.
PAUSE_SECONDS = 30.0

Kept = Sequence[str]
"""The sources of which something is kept."""
Found = tuple[Sequence[Source], Sequence[str]]
"""What to take in, and the sources that are gone."""


class PassageSearcher:
    """The search that plugins have."""

    def __init__(self, library: Library, embed: Embed) -> None:
        self._library = library
        self._embed = embed

    async def __call__(
        self,
        message: str,
        *,
        collections: Sequence[str] | None = None,
        vector: Vector | None = None,
        most: int = 8,
    ) -> Sequence[Passage]:
        async def make() -> Vectors:
            made: Vectors = (await self._embed([message]))[0]
            return made

        wanted = PassageFilter(collections=None if collections is None else tuple(collections))
        return await self._library.search(message, vector or make, wanted, most)


class Library:
    """One for the server. Documents are taken in one run at a time; searches go on meanwhile.

    `encoder` names what `embed` embeds with. Raises EmbedderUnavailable where there is none yet: it is asked again.
    """

    def __init__(
        self,
        database: Database,
        *,
        reader: Reader,
        embed: EmbedPassages,
        encoder: Callable[[], Awaitable[str]],
        stop_words: Collection[str],
        in_memory: bool = True,
    ) -> None:
        self._index = VectorIndex(database, in_memory=in_memory)
        self._reader = reader
        self._embed = embed
        self._encoder = encoder
        self._encoder_known = False
        self._asking_encoder = asyncio.Lock()
        self.documents = Documents(database, self._index)
        self.passages = Passages(database)
        self._whole = False
        """Whether every passage has its vector; until then words alone are searched."""
        self._search = Search(self.passages, self._index, lambda: self._whole, stop_words)
        self._one_at_a_time = asyncio.Lock()

    async def open(self) -> None:
        """Read what is held in memory. Without an encoder documents are found by their words. Raises StoreUnusable."""
        try:
            await self._know_encoder()
        except EmbedderUnavailable as error:
            log.warning("documents are searched by their words alone", problem=error.detail, mend=error.mend)
        else:
            self._whole = await self.lacking() == 0

    async def lacking(self) -> int:
        """Count the passages that have no vector of the present encoder yet."""
        return (await self._index.unembedded(0))[1]

    def use_reranker(self, rerank: Rerank | None) -> None:
        """Have the best passages of each search judged anew."""
        self._search.rerank = rerank

    async def search(self, message: str, vector: Vector, wanted: PassageFilter, most: int) -> list[Passage]:
        """Give up to `most` passages, the best first; by words alone where nothing embeds. Raises StoreUnusable."""
        return await self._search(message, vector, wanted, most)

    async def add(self, paths: Sequence[str], collection: str, tags: Tags, tell: Tell) -> None:
        """Take in files, folders and what patterns match.

        Raises InvalidRequest where a path is not whole, and DocumentUnreadable where one leads nowhere.
        """
        find = partial(sources_of, paths)
        await asked(find)  # What is mistyped is told at once, and not when its turn comes.

        async def find_now(_: Kept) -> Found:
            return await asked(find), ()

        await self._ingest(find_now, collection, tags, tell)

    async def add_sent(self, sources: Sequence[Source], collection: str, tags: Tags, tell: Tell) -> None:
        """Take in what was sent."""

        async def find_now(_: Kept) -> Found:
            return sources, ()

        await self._ingest(find_now, collection, tags, tell)

    async def sync(self, folder: Path, collection: str, tags: Tags, tell: Tell) -> None:
        """Take in what is new or changed in a folder, and delete what is gone from it; `folder` is absolute.

        Raises DocumentUnreadable where there is none.
        """
        await asked(partial(require_folder, folder))

        async def find_now(known: Kept) -> Found:
            return await asked(partial(folder_now, folder, known))

        await self._ingest(find_now, collection, tags, tell)

    async def reindex(self, collection: str, tell: Tell) -> None:
        """Read the files of a collection anew, whether they have changed or not; what has no file any more stays."""

        async def find_now(known: Kept) -> Found:
            return await asked(partial(sources_still_there, known)), ()

        await self._ingest(find_now, collection, None, tell, anew=True)

    async def follow(self, folder: Path, collection: str) -> None:
        """Have a collection hold what a folder holds now; what cannot be taken in is logged."""

        def tell(event: AnyIngestionEvent) -> None:
            match event:
                case DocumentRefused(source=source, problem=problem):
                    log.warning("document refused", source=source, problem=problem.detail, mend=problem.mend)
                case IngestionFailed(problem=problem):
                    log.warning("folder not taken in", folder=str(folder), problem=problem.detail, mend=problem.mend)
                case IngestionFinished(new=new, changed=changed, gone=gone) if new or changed or gone:
                    log.info("folder taken in", folder=str(folder), new=new, changed=changed, gone=gone)

        while True:
            try:
                await self.sync(folder, collection, None, tell)
            except EmbedderUnavailable:
                await asyncio.sleep(PAUSE_SECONDS)  # The engine that embeds may start later.
                continue
            except DocumentUnreadable as error:
                log.warning("folder not taken in", folder=str(folder), problem=error.detail, mend=error.mend)
            return

    async def fill(self) -> None:
        """Have passages that lack vectors of this encoder embedded, and then drop those of others; a service."""
        while True:
            try:
                await self._know_encoder()
                passages, left = await self._index.unembedded(FILLED_AT_ONCE)
                self._whole = left == 0
                if self._whole:
                    break
                texts = [in_context(passage.title, passage.heading, passage.text.strip()) for passage in passages]
                await self._index.fill(passages, await self._embed(texts))
            except EmbedderUnavailable:
                await asyncio.sleep(PAUSE_SECONDS)
        await self._index.drop_others()

    async def _know_encoder(self) -> None:
        """Raises EmbedderUnavailable."""
        # Whoever comes while another asks must wait: a second opening would hold every vector twice.
        async with self._asking_encoder:
            if not self._encoder_known:
                await self._index.open(await self._encoder())
                self._encoder_known = True

    async def close(self) -> None:
        """End what reads documents."""
        await self._reader.close()

    async def _ingest(
        self,
        find: Callable[[Kept], Awaitable[Found]],
        collection: str,
        tags: Tags,
        tell: Tell,
        *,
        anew: bool = False,
    ) -> None:
        """Take in what `find` finds when its turn has come, given the sources that are known then."""
        await self._know_encoder()
        async with self._one_at_a_time:
            sources, gone = await find(list(await self.documents.known(collection)))
            ingestion = Ingestion(
                self.documents, self._reader, self._embed, collection=collection, tags=tags, anew=anew, tell=tell
            )
            await ingestion.run(sources, gone)
