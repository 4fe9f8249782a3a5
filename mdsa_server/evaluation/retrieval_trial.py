"""Questions asked of a library of their own: documents are read from JSON lines, split, embedded, searched."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct

from mdsa_server.evaluation.labelled import read_lines
from mdsa_server.evaluation.retrieval import Asked
from mdsa_server.knowledge.embedded_text import in_context
from mdsa_server.knowledge.ingest import EmbedPassages, passages_of
from mdsa_server.knowledge.search import RERANKED, Hit, Rerank, Search
from mdsa_server.store.database import Database
from mdsa_server.store.document_rows import NewDocument
from mdsa_server.store.documents import Documents
from mdsa_server.store.passages import Passages
from mdsa_server.store.vector_index import VectorIndex, Vectors
from mdsa_server.vocabulary.documents import PassageFilter, Piece, ReadDocument
from mdsa_server.vocabulary.fault import Fault

EVERYTHING = PassageFilter()
EMBEDDED_AT_ONCE = 64
SCORES = {"bm25": "bm25", "vector": "cosine", "fusion": "fusion"}
"""By stage, the score of a hit that ranks it."""
DOCUMENT_LINE = '{"id": "7", "title": "The pump", "text": "..."}'
QUESTION_LINE = '{"question": "How is it oiled?", "relevant": ["7"]}'

Split = Callable[[ReadDocument], Sequence[Piece]]


class TriedDocument(Struct, frozen=True):
    id: str
    text: str
    """One without text is never found."""
    title: str = ""


class TriedQuestion(Struct, frozen=True):
    question: str
    relevant: tuple[str, ...]
    """Ids of documents."""


def read_documents(path: Path) -> tuple[list[TriedDocument], list[Fault]]:
    """Give the documents that are right, and what is wrong with other lines."""
    seen: set[str] = set()

    def flaw(document: TriedDocument) -> tuple[str, str] | None:
        if not document.id:
            return "has no id", f"Write it so: {DOCUMENT_LINE}"
        if document.id in seen:
            return f"the id {document.id!r} is there already", "Give each document an id of its own."
        seen.add(document.id)
        return None

    return read_lines(path, TriedDocument, "document", DOCUMENT_LINE, flaw)


def read_questions(path: Path, known: Sequence[TriedDocument]) -> tuple[list[TriedQuestion], list[Fault]]:
    """Give the questions that are right, and what is wrong with other lines; they name `known` documents."""
    ids = {document.id for document in known}

    def flaw(question: TriedQuestion) -> tuple[str, str] | None:
        if not question.question.strip() or not question.relevant:
            return "has no question, or no relevant document", f"Write it so: {QUESTION_LINE}"
        if strange := [one for one in question.relevant if one not in ids]:
            return f"names documents that are not there: {', '.join(strange[:5])}", "Name ids of the documents."
        return None

    return read_lines(path, TriedQuestion, "question", QUESTION_LINE, flaw)


class TriedLibrary:
    """Documents in a database of their own; `names` are theirs by the ids of their passages."""

    def __init__(
        self, database: Database, embed: EmbedPassages, stop_words: frozenset[str], rerank: Rerank | None = None
    ) -> None:
        self._index = VectorIndex(database, "tried")
        self._documents = Documents(database, self._index)
        self._search = Search(Passages(database), self._index, lambda: True, stop_words)
        self._search.rerank = rerank
        self._embed = embed
        self.names: dict[int, str] = {}

    async def fill(self, documents: Sequence[TriedDocument], split: Split, told: Callable[[int], None]) -> None:
        """Take documents in; `told` is told how many, part by part. Raises EmbedderUnavailable."""
        for start in range(0, len(documents), EMBEDDED_AT_ONCE):
            part = documents[start : start + EMBEDDED_AT_ONCE]
            batch = [self._new(document, split) for document in part]
            texts = [in_context(new.title, one.heading, one.text.strip()) for new in batch for one in new.passages]
            vectors = await self._embed(texts)
            ends = np.cumsum([len(new.passages) for new in batch])[:-1]
            ids = await self._documents.save(list(zip(batch, np.split(vectors, ends), strict=True)))
            for document, identifier in zip(part, ids, strict=True):
                _, passages = await self._documents.read(identifier)
                self.names |= {passage.id: document.id for passage in passages}
            told(len(part))

    async def ask(self, questions: Sequence[TriedQuestion], embed: EmbedPassages) -> AsyncIterator[Asked]:
        """Ask each question as a search would be, stage by stage; a document stands where its best passage does.

        Raises what the reranker raises.
        """
        for question in questions:
            began = time.perf_counter()
            made = await embed([question.question])
            embedded = time.perf_counter()

            async def vector(made: Vectors = made) -> Vectors:
                first: Vectors = made[0]
                return first

            hits = await self._search.hits(question.question, vector, EVERYTHING)
            fused = time.perf_counter()
            reranked = {} if self._search.rerank is None else {"rerank": await self._reranked(question.question, hits)}
            ended = time.perf_counter()
            yield Asked(
                question=question.question,
                relevant=question.relevant,
                found={stage: self._ranked(hits, score) for stage, score in SCORES.items()} | reranked,
                embedding_seconds=embedded - began,
                search_seconds=ended - embedded,
                reranking_seconds=ended - fused,
            )

    async def _reranked(self, question: str, hits: Sequence[Hit]) -> tuple[str, ...]:
        """Give the documents as the reranker sorts the best hits; those behind them stay as they were."""
        judged = await self._search.reranked(question, await self._search.read(hits[:RERANKED]))
        ids = [*(one.passage.id for one, _ in judged), *(hit.id for hit in hits[RERANKED:])]
        return self._documents_of(ids)

    def _ranked(self, hits: Sequence[Hit], score: str) -> tuple[str, ...]:
        there = sorted((hit for hit in hits if score in hit.scores), key=lambda hit: -hit.scores[score])
        return self._documents_of(hit.id for hit in there)

    def _documents_of(self, passages: Iterable[int]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.names[id_] for id_ in passages))

    @staticmethod
    def _new(document: TriedDocument, split: Split) -> NewDocument:
        read = ReadDocument(title=document.title, text=document.text, type="text")
        return NewDocument(
            collection="tried",
            source=document.id,
            title=document.title,
            type="text",
            bytes=len(document.text),
            content_hash="",
            modified=0.0,
            passages=passages_of(read, split(read)) if read.text.strip() else (),
        )


def whole(document: ReadDocument) -> tuple[Piece, ...]:
    """Take a document as one passage."""
    return (Piece(start=0, end=len(document.text)),)
