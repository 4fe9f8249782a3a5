"""Routes by meaning and by spelling: what a message wants is told by what was wanted in messages like it.

The examples of the domains, sorted into intents (`intents.py`), teach a linear classifier (`classifier.py`) what
distinguishes them, from their vectors and their letters (`letters.py`). A domain is as likely as its intents are
together. Whether any domain fits is told by how like the nearest examples are and how sure the classifier is. What
these mean, and how sure it may be, it learns from examples that it was not taught (`measuring.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from zipfile import BadZipFile

import numpy as np

from mdsa_server.plugin_api import (
    Cache,
    Candidate,
    Domain,
    Embed,
    Evidence,
    Opinion,
    PluginContext,
    Prediction,
    RouteQuery,
    Router,
    hookimpl,
)

from .classifier import Judge, Sample, learn
from .letters import letters_of
from .remembering import from_bytes, name_of, to_bytes

SHOWN = 5


@hookimpl
def register_routers(context: PluginContext) -> Iterable[Router]:
    return [EmbeddingRouter(context.embed, context.cache)]


@dataclass(frozen=True)
class Learnt:
    """What is known of the domains; replaced as a whole, so that a message never sees half a change."""

    names: tuple[str, ...]
    sentences: tuple[Evidence, ...]
    """Examples and descriptions, each with its domain."""
    judge: Judge


class EmbeddingRouter:
    """Compares the message with every intent of every domain."""

    name = "embedding_router"

    def __init__(self, embed: Embed, cache: Cache | None = None) -> None:
        self._embed = embed
        self._cache = cache
        self._learnt: Learnt | None = None
        self.predictions: Sequence[Prediction] = ()

    async def fit(self, domains: Sequence[Domain]) -> None:
        """Embed examples and descriptions, and learn from them; vectors come from the cache where they are known."""
        names = tuple(domain.name for domain in domains)
        known = [sentence for domain in domains for sentence in sentences_of(domain)]
        sentences = tuple(evidence for evidence, _ in known)
        vectors = await self._embed([sentence.text for sentence in sentences], cached=True)
        if sentences:
            owners = np.array([names.index(sentence.domain or "") for sentence in sentences], np.intp)
            texts, intents = [sentence.text for sentence in sentences], [intent for _, intent in known]

            sample = await asyncio.to_thread(Sample.of, texts, vectors, owners, intents)
            judge, self.predictions = await self._learn(sample, len(names))
            self._learnt = Learnt(names, sentences, judge)
        else:
            self._learnt, self.predictions = None, ()
        # All of these may have come from the cache: have the model loaded before the first message waits for it.
        await self._embed([sentence.text for sentence in sentences[:1]])

    async def _learn(self, sample: Sample, domains: int) -> tuple[Judge, Sequence[Prediction]]:
        """Learn a sample, unless it was learnt before: then it is remembered."""
        if self._cache is None:
            return await asyncio.to_thread(learn, sample, domains)
        name = await asyncio.to_thread(name_of, sample, domains)
        if written := await self._cache.get(name):
            with suppress(ValueError, KeyError, OSError, BadZipFile):  # Damaged: it is learnt and written anew.
                return await asyncio.to_thread(from_bytes, written, sample, domains)
        judge, predictions = await asyncio.to_thread(learn, sample, domains)
        await self._cache.put(name, await asyncio.to_thread(to_bytes, judge, predictions))
        return judge, predictions

    async def route(self, query: RouteQuery) -> Opinion:
        """Give every domain's probability, that none fits, and the nearest sentences with their cosine."""
        learnt = self._learnt
        if learnt is None:
            return Opinion()
        verdict = learnt.judge.judge(await query.vector(), letters_of(query.message))
        order = np.argsort(-verdict.domains, kind="stable")
        return Opinion(
            tuple(Candidate(learnt.names[place], float(verdict.domains[place])) for place in order),
            tuple(nearest(learnt.sentences, verdict.nearest[:SHOWN])),
            out_of_scope=verdict.out_of_scope,
            likeness=verdict.nearest[0][1] if verdict.nearest else None,
        )


def sentences_of(domain: Domain) -> Iterable[tuple[Evidence, str | None]]:
    """Give what the domain is known by, each text once, as the evidence that it may become, and its intent."""
    seen = {domain.description}
    if domain.description.strip():
        yield Evidence("description", domain.description, domain.name), None
    for example in domain.examples:
        if example.text.strip() and example.text not in seen:
            seen.add(example.text)
            yield Evidence("example", example.text, domain.name), example.intent


def nearest(sentences: Sequence[Evidence], found: Sequence[tuple[int, float]]) -> Iterable[Evidence]:
    for place, cosine in found:
        kind, text, domain = sentences[place].kind, sentences[place].text, sentences[place].domain
        yield Evidence(kind, text, domain, round(cosine, 3))
