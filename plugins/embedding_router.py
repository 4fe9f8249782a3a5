"""Routes by meaning: a message goes where the examples and descriptions most like it belong."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mdsa_server.plugin_api import Candidate, Domain, Evidence, Opinion, PluginContext, RouteQuery, Router, hookimpl

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Numbers = NDArray[np.intp]

# How a domain's similarities become its score: the mean of its nearest few, so that one odd example decides little.
NEAREST = 3
# Two domains whose scores differ by this much are e times as likely as each other.
SHARPNESS = 0.05
# The score at which a message is as likely out of scope as within.
OUT_OF_SCOPE = 0.4
SHOWN_EXAMPLES = 5


@hookimpl
def register_routers(context: PluginContext) -> Iterable[Router]:
    return [EmbeddingRouter(context)]


@dataclass(frozen=True)
class Known:
    """What was learnt of the domains; replaced as a whole, so that a message sees one state."""

    names: tuple[str, ...]
    sentences: tuple[Evidence, ...]
    """Examples and descriptions, with their domains, in the order of `vectors`."""
    owners: Numbers
    """Which of `names` each sentence belongs to; ascending."""
    vectors: Floats
    """Shape (sentences, dimensions), unit length."""


class EmbeddingRouter:
    """Compares the message's vector with those of each domain's examples and description."""

    name = "embedding_router"

    def __init__(self, context: PluginContext) -> None:
        self._embed = context.embed
        self._known: Known | None = None

    async def fit(self, domains: Sequence[Domain]) -> None:
        """Embed examples and descriptions; those known from before come from the cache."""
        sentences = [
            Evidence(kind, text, domain.name)
            for domain in domains
            for kind, texts in (("description", (domain.description,)), ("example", domain.examples))
            for text in dict.fromkeys(texts)
        ]
        names = tuple(domain.name for domain in domains)
        places = {name: place for place, name in enumerate(names)}
        vectors = await self._embed([sentence.text for sentence in sentences], cached=True)
        owners = np.array([places[sentence.domain] for sentence in sentences], np.intp)
        self._known = Known(names, tuple(sentences), owners, vectors)

    async def route(self, query: RouteQuery) -> Opinion:
        """Give every domain with its confidence, and the nearest sentences with their similarity."""
        known = self._known
        if known is None or not known.sentences:
            return Opinion()
        similarities = known.vectors @ await query.vector()
        sure = confidences(similarities, known.owners, len(known.names))
        return Opinion(
            tuple(Candidate(known.names[place], float(sure[place])) for place in np.argsort(-sure, kind="stable")),
            nearest(similarities, known.sentences),
        )
