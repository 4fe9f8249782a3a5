"""The retriever that searches the server's own documents."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mdsa_server.plugin_api import Candidate, Domain, Passage, RetrieverQuery
from mdsa_server.vocabulary.routing import Route
from tests.plugins.first_party import opened

MANUALS = Domain(name="service", description="Pumps", collections=("pumps", "shared"))


class Found:
    """A search that finds what a test says, and keeps how it was asked."""

    def __init__(self, *passages: Passage) -> None:
        self.passages = passages
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def __call__(self, message: str, **how: Any) -> Sequence[Passage]:
        self.asked.append((message, how))
        return self.passages


def passage(text: str, **scores: float) -> Passage:
    return Passage(text=text, source="a.md", scores=scores)


async def vector() -> "np.typing.NDArray[np.float32]":
    return np.ones(3, np.float32)


def query(domain: Domain) -> RetrieverQuery:
    route = Route(domain=domain.name, confidence=1.0, router="caller", candidates=(Candidate(domain.name, 1.0),))
    return RetrieverQuery(message="how to oil it", route=route, domain=domain, vector=vector)


async def retrieve(found: Found, domain: Domain = MANUALS, **settings: float) -> list[str]:
    async with opened("document_retriever", search_passages=found, settings=settings) as registry:
        (retriever,) = registry.retrievers
        return [one.text for one in await registry.call(retriever, lambda: retriever.retrieve(query(domain)))]


async def test_the_domains_collections_are_searched_with_the_turns_vector() -> None:
    found = Found(passage("near", cosine=0.6))
    assert await retrieve(found, passages=3) == ["near"]
    ((message, how),) = found.asked
    assert message == "how to oil it"
    assert (how["collections"], how["most"], how["vector"]) == (("pumps", "shared"), 3, vector)


async def test_a_domain_without_collections_searches_nothing() -> None:
    found = Found(passage("near", cosine=0.6))
    assert await retrieve(found, Domain(name="general", description="All else")) == []
    assert found.asked == []


async def test_what_is_unlike_the_message_is_left_out() -> None:
    found = Found(passage("near", cosine=0.6), passage("far", cosine=0.1, bm25=9.0))
    assert await retrieve(found) == ["near"]
    assert await retrieve(found, least_cosine=-1.0) == ["near", "far"]


async def test_what_has_the_messages_rare_words_stays_however_unlike_it_is() -> None:
    found = Found(passage("exact", cosine=0.1, words=0.9), passage("far", cosine=0.1, words=0.3))
    assert await retrieve(found) == ["exact"]
    assert await retrieve(found, least_words=0.95) == []


async def test_what_was_found_by_words_alone_stays() -> None:
    assert await retrieve(Found(passage("worded", bm25=4.0))) == ["worded"]
