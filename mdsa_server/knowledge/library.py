"""The library: all documents of the server, with what takes them in and what searches them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import structlog

from mdsa_server.errors import EmbedderUnavailable
from mdsa_server.knowledge.disk import asked
from mdsa_server.knowledge.files import folder_now, require_folder, sources_of, sources_still_there
from mdsa_server.knowledge.filling import PAUSE_SECONDS, Filling
from mdsa_server.knowledge.ingest import EmbedPassages, Ingestion, Reader, Source, Tags, Tell
from mdsa_server.knowledge.search import Rerank, Search, Vector
from mdsa_server.plugin_api.contracts import Embed
from mdsa_server.store.database import Database
from mdsa_server.store.documents import Documents
from mdsa_server.store.passages import Passages
from mdsa_server.store.vector_index import VectorIndex, Vectors
from mdsa_server.vocabulary.documents import Embedding, PassageFilter
from mdsa_server.vocabulary.passages import Passage

log = structlog.get_logger(__name__)


Kept = Sequence[str]
"""The sources of which something is kept."""
LOOK_SECONDS = 60.0

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
        self._known_encoder = ""
        self._asking_encoder = asyncio.Lock()
        self.documents = Documents(database, self._index)
        self.passages = Passages(database)
        self._filling = Filling(self._index, embed)
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

    async def lacking(self) -> int:
        """Count the passages that have no vector of the present encoder yet."""
        return (await self._index.unembedded(0))[1]

    def use_reranker(self, rerank: Rerank | None) -> None:
        """Have the best passages of each search judged anew."""
        self._search.rerank = rerank

    async def search(self, message: str, vector: Vector, wanted: PassageFilter, most: int) -> list[Passage]:
        """Give up to `most` passages, the best first; by words alone where nothing embeds. Raises StoreUnusable."""

        async def comparable() -> Vectors:
            made = await vector()
            if not await self._index.comparable(made):
                # Until it is looked again, an engine may have other weights by the same name.
                raise EmbedderUnavailable("the message's vector is not of the kind that passages have")
            return made

        return await self._search(message, comparable, wanted, most)

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

    @property
    def embedding(self) -> Embedding | None:
        """How far it is that passages get vectors of the present encoder; None where all have theirs."""
        return self._filling.embedding

    async def fill(self) -> None:
        """Have passages that lack vectors of this encoder embedded, and then drop those of others."""
        while not self._whole:
            try:
                await self._know_encoder()
                await self._filling.fill()
                self._whole = True
            except EmbedderUnavailable:
                await asyncio.sleep(PAUSE_SECONDS)
        await self._index.drop_others()

    async def keep_filled(self) -> None:
        """Fill, and look now and then whether the encoder is another one; a service."""
        await self.fill()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            with suppress(EmbedderUnavailable):
                await self._know_encoder()
            if not self._whole:
                await self.fill()

    async def _know_encoder(self) -> None:
        """Have the index be of the encoder in force: it may change by the same name. Raises EmbedderUnavailable."""
        # Whoever comes while another asks must wait: a second opening would hold every vector twice.
        async with self._asking_encoder:
            encoder = await self._encoder()
            if encoder == self._known_encoder:
                return
            if self._known_encoder:
                log.warning("the embedding model is another one now", before=self._known_encoder, now=encoder)
            self._whole = False
            await self._index.open(encoder)
            self._known_encoder = encoder
            self._whole = await self.lacking() == 0

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
        try:
            await self._know_encoder()
        except EmbedderUnavailable:
            if not self._known_encoder:
                raise
            # What has not changed is passed over without it.
        async with self._one_at_a_time:
            sources, gone = await find(list(await self.documents.known(collection)))
            ingestion = Ingestion(
                self.documents, self._reader, self._embed, collection=collection, tags=tags, anew=anew, tell=tell
            )
            await ingestion.run(sources, gone)
