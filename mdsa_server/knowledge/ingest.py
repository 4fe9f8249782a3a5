"""Documents taken in: read, split, embedded, and kept, a few side by side; each of them whole or not at all."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, Protocol

import numpy as np

from mdsa_server.errors import DocumentUnreadable, MdsaError
from mdsa_server.knowledge.embedded_text import in_context
from mdsa_server.store.documents import Documents, Kept, NewDocument, NewPassage
from mdsa_server.store.vector_index import Vectors
from mdsa_server.vocabulary.documents import Piece, ReadDocument
from mdsa_server.vocabulary.ingestion import (
    AnyIngestionEvent,
    DocumentBegun,
    DocumentGone,
    DocumentIngested,
    DocumentRefused,
    IngestionFailed,
    IngestionFinished,
    IngestionStarted,
    PassagesEmbedded,
)
from mdsa_server.vocabulary.stopwatch import Stopwatch, stopwatch

# While one document is embedded, which takes longest, the next are read.
SIDE_BY_SIDE = 3
# So many passages are embedded, and then it is told how far that is.
TOLD_EVERY = 256

Tell = Callable[[AnyIngestionEvent], None]
EmbedPassages = Callable[[Sequence[str]], Awaitable[Vectors]]
"""Gives unit vectors, shape (texts, dimensions), all by the same encoder. Raises EmbedderUnavailable."""


class Reader(Protocol):
    """Reads one document and says where to split it."""

    @property
    def rules(self) -> str:
        """Names how it reads and splits: another name, and what was read by the one before is read anew."""

    async def read(self, path: Path) -> tuple[ReadDocument, tuple[Piece, ...], str]:
        """Give a file's text, its passages, and the SHA-256 of what was read. Raises DocumentUnreadable."""

    async def close(self) -> None:
        """End what waits for more to read."""

    async def read_bytes(self, content: bytes, name: str) -> tuple[ReadDocument, tuple[Piece, ...], str]:
        """The same of what was sent under a name."""

    def check_size(self, name: str, size: int) -> None:
        """Raise DocumentUnreadable where a document has more bytes than it may have."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One file, on the disk or sent, and the name under which it is kept."""

    name: str
    path: Path | None = None
    sent: IO[bytes] | None = None
    """What was sent, where there is no path."""
    bytes: int
    modified: float
    """Seconds since 1970."""
    tags: tuple[str, ...] = ()
    """Where there are none, those that were given to it before stay."""

    def digest(self) -> str:
        """Give the SHA-256 of what it holds now. Raises OSError."""
        if self.path is None:
            return hashlib.sha256(_sent(self)).hexdigest()
        with self.path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()


class Ingestion:
    """One run over some sources into one collection. `tell` is told what happens, as it does.

    With `anew` also what has not changed is read again.
    """

    def __init__(
        self,
        documents: Documents,
        reader: Reader,
        embed: EmbedPassages,
        *,
        collection: str,
        anew: bool = False,
        tell: Tell,
    ) -> None:
        self._documents = documents
        self._reader = reader
        self._embed = embed
        self._collection = collection
        self._anew = anew
        self._tell = tell
        self._clock: Stopwatch = stopwatch()
        self._counts: Counter[str] = Counter()

    async def run(self, sources: Sequence[Source], gone: Sequence[str] = ()) -> None:
        """Take in `sources` and delete what is kept of those that are `gone`.

        What fails for one is told and the others go on; what would fail for all ends it, and is told too.
        """
        self._tell(
            IngestionStarted(
                at=self._clock(),
                collection=self._collection,
                documents=len(sources),
                bytes=sum(source.bytes for source in sources),
            )
        )
        try:
            await self._forget(gone)
            known = await self._documents.known(self._collection, [source.name for source in sources])
            left = iter(sources)
            async with asyncio.TaskGroup() as side_by_side:
                for _ in range(SIDE_BY_SIDE):
                    side_by_side.create_task(self._take_in_turn(left, known))
        except* MdsaError as failed:
            first = next(_leaves(failed))
            self._tell(IngestionFailed(at=self._clock(), problem=first.problem))
        else:
            counts = {name: self._counts[name] for name in IngestionFinished.__struct_fields__ if name != "at"}
            self._tell(IngestionFinished(at=self._clock(), **counts))

    async def _forget(self, gone: Sequence[str]) -> None:
        await self._documents.delete_sources(self._collection, gone)
        for source in gone:
            self._counts["gone"] += 1
            self._tell(DocumentGone(at=self._clock(), source=source))

    async def _take_in_turn(self, left: Iterator[Source], known: dict[str, Kept]) -> None:
        for source in left:
            try:
                await self._take(source, known.get(source.name))
            except DocumentUnreadable as error:
                self._counts["refused"] += 1
                self._tell(
                    DocumentRefused(at=self._clock(), source=source.name, problem=error.problem, bytes=source.bytes)
                )

    async def _take(self, source: Source, known: Kept | None) -> None:
        tags = source.tags or (known.tags if known else ())
        if known and not self._anew and known == Kept(await self._name_of_content(source), tags):
            self._told(source, "unchanged", None, 0)
            return
        self._tell(DocumentBegun(at=self._clock(), source=source.name, bytes=source.bytes))
        if source.path is None:
            # What is too large need not be brought into memory to be refused.
            self._reader.check_size(source.name, source.bytes)
            content = await asyncio.to_thread(_sent, source)
            document, pieces, digest = await self._reader.read_bytes(content, source.name)
        else:
            document, pieces, digest = await self._reader.read(source.path)
        passages = passages_of(document, pieces)
        vectors = await self._vectors(source.name, document.title, passages, again=known is not None)
        made = NewDocument(
            collection=self._collection,
            source=source.name,
            title=document.title,
            type=document.type,
            tags=tags,
            bytes=source.bytes,
            content_hash=self._name(digest),
            modified=source.modified,
            passages=passages,
        )
        (identifier,) = await self._documents.save([(made, vectors)])
        self._told(source, "new" if known is None else "changed", identifier, len(passages))

    def _told(
        self, source: Source, outcome: Literal["new", "changed", "unchanged"], document: str | None, passages: int
    ) -> None:
        self._counts[outcome] += 1
        self._counts["passages"] += passages
        self._tell(
            DocumentIngested(
                at=self._clock(),
                source=source.name,
                outcome=outcome,
                document=document,
                passages=passages,
                bytes=source.bytes,
            )
        )

    async def _vectors(self, source: str, title: str, passages: Sequence[NewPassage], *, again: bool) -> Vectors:
        """Embed passages; those that are as they were when the document was last read keep their vectors."""
        texts = [in_context(title, passage.heading, passage.text.strip()) for passage in passages]
        known: dict[str, Vectors] = {}
        if again:
            before = await self._documents.vectors_of(self._collection, source)
            known = {in_context(old, passage.heading, passage.text.strip()): vector for passage, old, vector in before}
        new = [text for text in dict.fromkeys(texts) if text not in known]
        for start in range(0, len(new), TOLD_EVERY):
            part = new[start : start + TOLD_EVERY]
            known |= zip(part, await self._embed(part), strict=True)
            if len(new) > TOLD_EVERY:
                done = min(start + TOLD_EVERY, len(new))
                self._tell(PassagesEmbedded(at=self._clock(), source=source, done=done, passages=len(new)))
        return np.stack([known[text] for text in texts])

    async def _name_of_content(self, source: Source) -> str:
        try:
            return self._name(await asyncio.to_thread(source.digest))
        except OSError:
            return ""  # The reader says what is wrong with it.

    def _name(self, digest: str) -> str:
        return f"{digest}-{self._reader.rules}"


def passages_of(document: ReadDocument, pieces: Sequence[Piece]) -> tuple[NewPassage, ...]:
    """Give the passages of a document; together they are its text, so each reaches to where the next one begins."""
    starts = [0, *(piece.start for piece in pieces[1:])]
    ends = [*starts[1:], len(document.text)]
    return tuple(
        NewPassage(text=document.text[start:end], heading=piece.heading, page=piece.page)
        for piece, start, end in zip(pieces, starts, ends, strict=True)
    )


def _sent(source: Source) -> bytes:
    """Give what was sent; it may lie on the disk. Raises OSError."""
    assert source.sent is not None  # noqa: S101  # a source has one or the other
    source.sent.seek(0)
    return source.sent.read()


def _leaves(group: BaseExceptionGroup[MdsaError]) -> Iterator[MdsaError]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
