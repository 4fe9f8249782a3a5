"""Documents taken in: read, split, embedded, and kept, a few side by side; each of them whole or not at all."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import structlog
from msgspec.structs import replace

from mdsa_server.errors import DocumentUnreadable, MdsaError
from mdsa_server.knowledge.embedded_text import in_context
from mdsa_server.knowledge.reading import ReadFile, Unchanged
from mdsa_server.store.document_rows import NewDocument, NewPassage
from mdsa_server.store.documents import Documents, Kept
from mdsa_server.store.vector_index import Vectors, usable
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
from mdsa_server.vocabulary.problem import UNEXPECTED, Problem
from mdsa_server.vocabulary.stopwatch import Stopwatch, stopwatch

log = structlog.get_logger(__name__)

# While one document is embedded, which takes longest, the next are read.
SIDE_BY_SIDE = 3
# So many passages are embedded, and then it is told how far that is.
TOLD_EVERY = 256
KEPT = "What was taken in of it before stays, and is found."

Tags = tuple[str, ...] | None
"""Those that documents are given; None leaves each those that it has."""
Outcome = Literal["new", "changed", "unchanged"]
Tell = Callable[[AnyIngestionEvent], None]
EmbedPassages = Callable[[Sequence[str]], Awaitable[Vectors]]
"""Gives unit vectors, shape (texts, dimensions), all by the same encoder. Raises EmbedderUnavailable."""


class Reader(Protocol):
    """Reads one document and says where to split it."""

    @property
    def rules(self) -> str:
        """Names how it reads and splits: another name, and what was read by the one before is read anew."""

    async def read(self, path: Path, known: str = "") -> ReadFile:
        """Read a file. Raises DocumentUnreadable, and Unchanged where the digest of its bytes is the one `known`."""

    async def close(self) -> None:
        """End what waits for more to read."""

    async def read_bytes(self, content: bytes, name: str, known: str = "") -> ReadFile:
        """The same of what was sent under a name."""

    def check_size(self, name: str, size: int) -> None:
        """Raise DocumentUnreadable where a document has more bytes than it may have."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One file, on the disk or sent, and the name under which it is kept."""

    name: str
    path: Path | None = None
    sent: Callable[[], bytes] | None = None
    """Gives what was sent, where there is no path; it may lie on the disk. Raises OSError."""
    bytes: int
    modified: float
    """Seconds since 1970."""
    problem: DocumentUnreadable | None = None
    """Why it cannot be taken in, where that is known before it is read."""


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
        tags: Tags = None,
        anew: bool = False,
        tell: Tell,
    ) -> None:
        self._documents = documents
        self._reader = reader
        self._embed = embed
        self._collection = collection
        self._tags = tags
        self._anew = anew
        self._tell = tell
        self._clock: Stopwatch = stopwatch()
        self._counts: Counter[str] = Counter()
        self._rules = f"-{reader.rules}"
        self._failed: MdsaError | None = None

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
        except MdsaError as error:
            self._failed = error
        if self._failed is not None:
            self._tell(IngestionFailed(at=self._clock(), problem=self._failed.problem))
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
            # What fails for all ends it, but not in the middle of what the others are at.
            if self._failed is not None:
                return
            try:
                await self._take(source, known.get(source.name))
            except DocumentUnreadable as error:
                self._refuse(source, error.problem, kept=source.name in known)
            except MdsaError as error:
                self._failed = error
            except Exception:
                log.exception("document broke its ingestion", source=source.name)
                self._refuse(source, UNEXPECTED, kept=source.name in known)

    async def _take(self, source: Source, known: Kept | None) -> None:
        if source.problem is not None:
            raise source.problem
        self._tell(DocumentBegun(at=self._clock(), source=source.name, bytes=source.bytes))
        tags = self._tags if self._tags is not None else known.tags if known else ()
        may_be_passed_over = known is not None and not self._anew and known.tags == tags
        try:
            read = await self._read(source, known.content_hash if known and may_be_passed_over else "")
        except Unchanged:
            self._told(source, "unchanged", None, 0)
            return
        passages = passages_of(read.document, read.pieces)
        vectors = await self._vectors(source.name, read.document.title, passages, again=known is not None)
        made = NewDocument(
            collection=self._collection,
            source=source.name,
            title=read.document.title,
            type=read.document.type,
            tags=tags,
            bytes=source.bytes,
            content_hash=read.digest + self._rules,
            modified=source.modified,
            passages=passages,
        )
        await to_its_end(self._keep(source, made, vectors, known))

    async def _read(self, source: Source, content_hash: str) -> ReadFile:
        """Read what a source holds. Raises Unchanged where its `content_hash` would be the same by the same rules."""
        known = content_hash.removesuffix(self._rules) if content_hash.endswith(self._rules) else ""
        if source.path is not None:
            return await self._reader.read(source.path, known)
        assert source.sent is not None  # noqa: S101  # a source has one or the other
        # What is too large need not be brought into memory to be refused.
        self._reader.check_size(source.name, source.bytes)
        return await self._reader.read_bytes(await asyncio.to_thread(source.sent), source.name, known)

    async def _keep(self, source: Source, made: NewDocument, vectors: Vectors, known: Kept | None) -> None:
        (identifier,) = await self._documents.save([(made, vectors)])
        same = known == Kept(made.content_hash, made.tags)
        outcome: Outcome = "new" if known is None else "unchanged" if same else "changed"
        self._told(source, outcome, identifier, len(made.passages))

    def _refuse(self, source: Source, problem: Problem, *, kept: bool) -> None:
        if kept:
            problem = replace(problem, mend=f"{problem.mend} {KEPT}".lstrip())
        self._counts["refused"] += 1
        self._tell(DocumentRefused(at=self._clock(), source=source.name, problem=problem, bytes=source.bytes))

    def _told(self, source: Source, outcome: Outcome, document: str | None, passages: int) -> None:
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
            made = await self._embed(part)
            if not usable(made).all():
                raise DocumentUnreadable(
                    f"{source} has a passage of which the embedding model makes nothing", "Leave the file out."
                )
            known |= zip(part, made, strict=True)
            if len(new) > TOLD_EVERY:
                done = min(start + TOLD_EVERY, len(new))
                self._tell(PassagesEmbedded(at=self._clock(), source=source, done=done, passages=len(new)))
        return np.stack([known[text] for text in texts])


def passages_of(document: ReadDocument, pieces: Sequence[Piece]) -> tuple[NewPassage, ...]:
    """Give the passages of a document; together they are its text, so each reaches to where the next one begins."""
    starts = [0, *(piece.start for piece in pieces[1:])]
    ends = [*starts[1:], len(document.text)]
    return tuple(
        NewPassage(text=document.text[start:end], heading=piece.heading, page=piece.page)
        for piece, start, end in zip(pieces, starts, ends, strict=True)
    )


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Do what must not be left half done: whoever is cancelled meanwhile waits for its end."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
