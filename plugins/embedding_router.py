"""Routes by meaning: a message belongs where what it is most like belongs.

Each domain is known by sentences, its examples and its description. How like a domain a message is, is
the mean of exp(SHARPNESS x cosine) over them: a density estimate with a von Mises-Fisher kernel, so near
sentences count for far more than distant ones and a domain gains nothing by having many. Divided among
the domains this says which fits best. Whether any fits, the domain's own sentences tell: a message that is
less like them than nearly all of them are like each other is likely out of scope.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mdsa_server.plugin_api import (
    Candidate,
    Domain,
    Embed,
    Evidence,
    Opinion,
    PluginContext,
    RouteQuery,
    Router,
    hookimpl,
)

# Chosen where clinc150, at 10 a domain to 20 an intent, and the domains of mdsa.toml all do well: from 18 to 25
# little changes. Lower, confidences are too modest; higher, a single odd example decides.
SHARPNESS = 22.0
# The share of a domain's own sentences that may be less like the rest than a message that is even odds.
STRANGERS = 0.05
# The cosine that makes even odds where no domain has two sentences, as when there are descriptions only,
# and the most that is asked for where a domain's sentences are all alike.
EVEN_COSINE, STRICTEST_COSINE = 0.1, 0.4
SHOWN = 5
ROWS_AT_ONCE = 512

Floats = NDArray[np.floating]
Places = NDArray[np.intp]


@hookimpl
def register_routers(context: PluginContext) -> Iterable[Router]:
    return [EmbeddingRouter(context.embed)]


@dataclass(frozen=True)
class Learnt:
    """What is known of the domains; replaced as a whole, so that a message never sees half a change."""

    names: tuple[str, ...]
    sentences: tuple[Evidence, ...]
    """Examples and descriptions, each with its domain."""
    owners: Places
    """Each sentence's domain, as a place in `names`."""
    vectors: Floats
    """Unit length, shape (sentences, dimensions)."""
    usual: Floats
    """For each domain the likeness at which a message is as likely in scope as out of it."""


class EmbeddingRouter:
    """Compares the message with every sentence of every domain."""

    name = "embedding_router"

    def __init__(self, embed: Embed) -> None:
        self._embed = embed
        self._learnt: Learnt | None = None

    async def fit(self, domains: Sequence[Domain]) -> None:
        """Embed examples and descriptions; those that were embedded before come from the cache."""
        names = tuple(domain.name for domain in domains)
        sentences = tuple(sentence for domain in domains for sentence in sentences_of(domain))
        vectors = await self._embed([sentence.text for sentence in sentences], cached=True)
        owners = np.array([names.index(sentence.domain or "") for sentence in sentences], np.intp)
        usual = await asyncio.to_thread(usual_likeness, vectors, owners, len(names))
        self._learnt = Learnt(names, sentences, owners, vectors, usual)
        # All of these may have come from the cache: have the model loaded before the first message waits for it.
        await self._embed([sentence.text for sentence in sentences[:1]])

    async def route(self, query: RouteQuery) -> Opinion:
        """Give every domain's confidence, and the nearest sentences with their cosine."""
        learnt = self._learnt
        if learnt is None or not learnt.sentences:
            return Opinion()
        # Not @: it shares out even this little, and then waits for busy cores; 8 ms at 15,000 sentences against 0.9.
        similarities = np.einsum("ij,j->i", learnt.vectors, await query.vector())
        sure = confidences(likeness_to(similarities, learnt.owners, len(learnt.names)), learnt.usual)
        return Opinion(
            tuple(Candidate(learnt.names[place], float(sure[place])) for place in np.argsort(-sure, kind="stable")),
            nearest(similarities, learnt.sentences),
        )


def sentences_of(domain: Domain) -> Iterable[Evidence]:
    """Give what the domain is known by, each text once, as the evidence that it may become."""
    for text in dict.fromkeys((domain.description, *domain.examples)):
        if text.strip():
            yield Evidence("description" if text == domain.description else "example", text, domain.name)


def likeness_to(similarities: Floats, owners: Places, domains: int) -> Floats:
    """Give how like each domain a message is, from its cosine with every sentence; shape (domains,), above 0."""
    counts = np.bincount(owners, minlength=domains)
    sums = np.bincount(owners, np.exp(SHARPNESS * similarities), minlength=domains)
    means: Floats = sums / np.maximum(counts, 1)
    return means


def confidences(likeness: Floats, usual: Floats) -> Floats:
    """Give each domain's share of the likeness, times the odds that the message is in scope for it at all.

    Both have shape (domains,); so has the result, whose sum is below 1 by what is left for out of scope.
    """
    fitting: Floats = likeness / likeness.sum() * (likeness / (likeness + usual))
    return fitting


def usual_likeness(vectors: Floats, owners: Places, domains: int) -> Floats:
    """Give for each domain the likeness to the rest of it that all but a few (STRANGERS) of its sentences have.

    On a logarithmic scale, halfway to the mean of all domains, since a few sentences say little about their own
    spread; a domain with one sentence takes the mean. Shape (domains,). Quadratic in a domain's sentences.
    """
    levels = np.full(domains, np.nan)
    for place in range(domains):
        own = vectors[owners == place]
        if len(own) > 1:
            levels[place] = np.quantile(np.log(_likeness_to_the_rest(own)), STRANGERS)
    known = ~np.isnan(levels)
    mean = levels[known].mean() if known.any() else SHARPNESS * EVEN_COSINE
    levels = np.where(known, levels, mean)
    usual: Floats = np.exp(np.minimum((levels + mean) / 2, SHARPNESS * STRICTEST_COSINE))
    return usual


def _likeness_to_the_rest(own: Floats) -> Floats:
    """Give each sentence's likeness to its domain's others, in blocks: thousands would not fit in memory at once."""
    sums = np.empty(len(own))
    for start in range(0, len(own), ROWS_AT_ONCE):
        votes = np.exp(SHARPNESS * (own[start : start + ROWS_AT_ONCE] @ own.T))
        # A sentence is exactly like itself, which says nothing of the others.
        np.fill_diagonal(votes[:, start:], 0.0)
        sums[start : start + ROWS_AT_ONCE] = votes.sum(1, dtype=np.float64)
    return sums / (len(own) - 1)


def nearest(similarities: Floats, sentences: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """Give the sentences most like the message, nearest first, weighted by their cosine."""
    shown = min(SHOWN, len(sentences))
    places = np.argpartition(-similarities, shown - 1)[:shown]
    return tuple(
        Evidence(sentences[place].kind, sentences[place].text, sentences[place].domain, round(weight, 3))
        for weight, place in sorted(((float(similarities[place]), place) for place in places), reverse=True)
    )
