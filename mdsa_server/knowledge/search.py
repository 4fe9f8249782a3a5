"""Search in documents: by words and by meaning side by side, fused, folded, joined.

What both searches agree on says more of what is meant than a short message does. So the message's vector is moved
towards the best of what was found, and the search by meaning made once more with that (Rocchio, Relevance feedback in
information retrieval, 1971; here nobody was asked what is relevant). store/DESIGN.md has what that gains.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import structlog

from mdsa_server.errors import EmbedderUnavailable, MdsaError
from mdsa_server.knowledge.fusion import fused, runs, without_repeats
from mdsa_server.knowledge.word_share import word_shares
from mdsa_server.store.passages import FoundPassage, Passages
from mdsa_server.store.vector_index import VectorIndex, Vectors
from mdsa_server.vocabulary.documents import PassageFilter
from mdsa_server.vocabulary.passages import Passage, PassagePart

# How many of each search are fused.
DEPTH = 100
# How many of the best are taken for relevant, and how much their mean counts beside the message. From 3 to 10 and from
# 0.5 to 1 all do well; these move it the least, so that one document that was asked for is still found first.
FEEDBACK = 3
FEEDBACK_WEIGHT = 0.5
# How many of the best a reranker judges: it reads each anew, so that more would take long.
RERANKED = 30
# How many characters a passage may have after its neighbours were joined to it.
JOINED_CHARS = 4_000

Vector = Callable[[], Awaitable[Vectors]]
"""The message's unit vector, made when first asked for."""


Rerank = Callable[[str, Sequence[Passage]], Awaitable[Sequence[float]]]
"""Gives a score for each passage, the greater the better. Raises PluginFault."""


class Hit(NamedTuple):
    """A passage with the scores of the stages that found it."""

    id: int
    scores: dict[str, float]


Found = tuple[FoundPassage, dict[str, float]]
"""A passage that was read, with its scores by stage."""

log = structlog.get_logger(__name__)


class Search:
    """`vectors_whole` says whether every passage has its vector; until then words alone are searched."""

    def __init__(
        self, passages: Passages, index: VectorIndex, vectors_whole: Callable[[], bool], stop_words: Collection[str]
    ) -> None:
        self._passages = passages
        self._index = index
        self._vectors_whole = vectors_whole
        self._stop_words = stop_words
        self.rerank: Rerank | None = None
        """Judges the best anew where there is one; where it fails they stay as they are."""

    async def __call__(self, message: str, vector: Vector, wanted: PassageFilter, most: int) -> list[Passage]:
        """Give up to `most` passages, the best first; by words alone where nothing embeds. Raises StoreUnusable."""
        hits = await self.hits(message, vector, wanted)
        # Some go, and some are joined.
        depth = max(3 * most, RERANKED)
        found = await self.read(hits[:depth])
        while depth < len(hits) and len(_joined(_enough(found, most))) < most:
            depth *= 2
            found = await self.read(hits[:depth])
        try:
            found = await self.reranked(message, found)
        except MdsaError as error:
            log.warning("not reranked", problem=error.detail)
        return _joined(await self._worded(message, _enough(found, most)))[:most]

    async def hits(self, message: str, vector: Vector, wanted: PassageFilter) -> list[Hit]:
        """Give all that the searches find, fused, with the scores of each. Raises as searching does."""
        by_words, (query, by_meaning) = await asyncio.gather(
            self._passages.search_words(message, DEPTH, wanted, self._stop_words), self._by_meaning(vector, wanted)
        )
        words = dict(by_words)
        cosines: dict[int, float] = {}
        feedback: dict[int, float] = {}
        if query is not None:
            best = [id_ for id_, _ in fused([list(words), by_meaning])[:FEEDBACK]]
            feedback = dict(await self._index.nearest(await self._moved(query, best), DEPTH, wanted))
            vectors = await self._index.read([*words, *feedback])
            cosines = {id_: float(one @ query) for id_, one in vectors.items()}
        stages = {"bm25": words, "cosine": cosines, "feedback": feedback}
        return [
            Hit(id_, {stage: scores[id_] for stage, scores in stages.items() if id_ in scores} | {"fusion": score})
            for id_, score in fused([list(words), list(feedback)])
        ]

    async def read(self, hits: Sequence[Hit]) -> list[Found]:
        """Read passages, without those that are gone and those that say the same as one before them."""
        read = await self._passages.read([hit.id for hit in hits])
        there = [hit for hit in hits if hit.id in read]
        different = without_repeats([hit.id for hit in there], lambda id_: _said(read[id_]))
        scores = {hit.id: hit.scores for hit in there}
        return [(read[id_], scores[id_]) for id_ in different]

    async def reranked(self, message: str, found: Sequence[Found]) -> list[Found]:
        """Sort the best anew as the reranker judges them, if there is one; the rest follow. Raises what it raises."""
        if self.rerank is None or not found:
            return list(found)
        judged, rest = found[:RERANKED], found[RERANKED:]
        scores = await self.rerank(message, [_passage([one]) for one in judged])
        anew = [(one, {**before, "rerank": score}) for (one, before), score in zip(judged, scores, strict=True)]
        return [*sorted(anew, key=lambda one: -one[1]["rerank"]), *rest]

    async def _worded(self, message: str, found: Sequence[Found]) -> list[Found]:
        """Add to the scores how much of the message stands in each passage word for word."""
        ids = [one.passage.id for one, _ in found]
        total, counts = await self._passages.count_words(message, ids, self._stop_words)
        shares = word_shares(counts, total)
        return [(one, {**scores, "words": shares.get(one.passage.id, 0.0)}) for one, scores in found]

    async def _moved(self, query: Vectors, best: Sequence[int]) -> Vectors:
        """Move a message's vector towards those of the best passages."""
        vectors = list((await self._index.read(best)).values())
        moved = query + FEEDBACK_WEIGHT * np.mean(vectors, axis=0) if vectors else query
        return np.asarray(moved / np.linalg.norm(moved), np.float32)

    async def _by_meaning(self, vector: Vector, wanted: PassageFilter) -> tuple[Vectors | None, list[int]]:
        """Give the message's vector and what is nearest to it; no vector where nothing is to be searched by it."""
        if not self._vectors_whole():
            return None, []
        try:
            query = await vector()
        except EmbedderUnavailable as error:
            log.warning("searched by words alone", problem=error.detail, mend=error.mend)
            return None, []
        return query, [id_ for id_, _ in await self._index.nearest(query, DEPTH, wanted)]


def _enough(found: Sequence[Found], most: int) -> list[Found]:
    """Give the best of what was found: so many, and for those that will be joined others that stand apart."""
    enough = list(found[:most])
    lacking = most - len(_joined(enough))
    taken = {(one.document, one.passage.place) for one, _ in enough}
    for one, scores in found[most:]:
        if lacking <= 0:
            break
        document, place = one.document, one.passage.place
        # What would only make a passage longer is worth less than one that says something else.
        if not {(document, place - 1), (document, place + 1)} & taken:
            taken.add((document, place))
            enough.append((one, scores))
            lacking -= 1
    return enough


def _said(one: FoundPassage) -> tuple[str, ...]:
    """Give what a passage says, with what it says it of."""
    return (one.title, *one.passage.heading, one.passage.text)


def _joined(found: Sequence[Found]) -> list[Passage]:
    """Put passages that follow each other in a document together; each stands where the best of its parts stood."""
    by_document: dict[str, dict[int, Found]] = {}
    for one, scores in found:
        by_document.setdefault(one.document, {})[one.passage.place] = (one, scores)
    together: dict[tuple[str, int], range] = {
        (document, place): run
        for document, parts in by_document.items()
        for run in _not_too_long(runs(parts), {place: part[0].passage.text for place, part in parts.items()})
        for place in run
    }
    order = dict.fromkeys((one.document, together[one.document, one.passage.place]) for one, _ in found)
    return [_passage([by_document[document][place] for place in run]) for document, run in order]


def _not_too_long(joined: Sequence[range], texts: dict[int, str]) -> list[range]:
    """Cut runs where they would become longer than JOINED_CHARS."""
    cut: list[range] = []
    for run in joined:
        start, size = run.start, 0
        for place in run:
            if place > start and size + len(texts[place]) > JOINED_CHARS:
                cut.append(range(start, place))
                start, size = place, 0
            size += len(texts[place])
        cut.append(range(start, run.stop))
    return cut


def _passage(parts: Sequence[Found]) -> Passage:
    best, scores = max(parts, key=lambda part: _score(part[1]))
    text = "".join(part.passage.text for part, _ in parts)
    return Passage(
        text=text.strip(),
        source=best.source,
        title=best.title,
        collection=best.collection,
        score=_score(scores),
        scores=scores,
        heading=best.passage.heading,
        page=best.passage.page,
        document=best.document,
        place=best.passage.place,
        parts=_parts(parts, len(text) - len(text.lstrip())) if len(parts) > 1 else (),
    )


def _parts(parts: Sequence[Found], stripped: int) -> tuple[PassagePart, ...]:
    """Tell where the parts of a text begin that has lost so many characters at its beginning."""
    starts = [0, *accumulate(len(part.passage.text) for part, _ in parts)]
    return tuple(
        PassagePart(
            place=part.passage.place,
            start=max(start - stripped, 0),
            score=_score(scores),
            heading=part.passage.heading,
            page=part.passage.page,
        )
        for (part, scores), start in zip(parts, starts, strict=False)  # the last start is the end of all
    )


def _score(scores: dict[str, float]) -> float:
    """Give the score of the last stage."""
    return scores.get("rerank", scores["fusion"])
