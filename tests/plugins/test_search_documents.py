"""The tool that searches the server's own documents."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from mdsa_server.plugin_api import Domain, Passage, ToolCall, ToolRefused
from mdsa_server.vocabulary.passages import PassagePart
from tests.plugins.first_party import opened, use

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


async def search(found: Found, query: str = "oil", *, domain: Domain = MANUALS, **settings: float) -> Any:
    """Search as a model would, and give the result as the model reads it."""
    call = ToolCall(domain=domain, caller="local", conversation=None)
    async with opened("search_documents", search_passages=found, settings=settings) as registry:
        result = await use(registry, "search_documents", call=call, query=query)
    return result if isinstance(result, str) else json.loads(msgspec.json.encode(result))


async def test_the_domains_collections_are_searched_and_no_others() -> None:
    found = Found(passage("near", cosine=0.6))
    await search(found, "how to oil it", passages=3)
    assert found.asked == [("how to oil it", {"collections": ("pumps", "shared"), "most": 3})]


async def test_a_passage_is_told_with_its_number_and_where_it_stands() -> None:
    whole = Passage(
        text="Oil it weekly.",
        source="pump.pdf",
        title="The pump",
        heading=("Care", "Oil"),
        page=7,
        scores={"cosine": 0.6},
    )
    assert await search(Found(whole, passage("Bare.", bm25=4.0))) == [
        {
            "number": 1,
            "text": "Oil it weekly.",
            "source": "pump.pdf",
            "title": "The pump",
            "heading": "Care > Oil",
            "page": 7,
        },
        {"number": 2, "text": "Bare.", "source": "a.md"},
    ]


async def test_what_is_unlike_the_query_is_left_out() -> None:
    found = Found(passage("far", cosine=0.1, bm25=9.0), passage("near", cosine=0.6))
    assert [(one["number"], one["text"]) for one in await search(found)] == [(1, "near")]
    assert [one["text"] for one in await search(found, least_cosine=-1.0)] == ["far", "near"]


async def test_what_has_the_querys_rare_words_stays_however_unlike_it_is() -> None:
    found = Found(passage("exact", cosine=0.1, words=0.9), passage("far", cosine=0.1, words=0.3))
    assert [one["text"] for one in await search(found)] == ["exact"]


async def test_of_a_joined_passage_that_is_too_long_the_best_part_is_given() -> None:
    parts = (PassagePart(place=0, start=0, score=0.1), PassagePart(place=1, start=2000, score=0.2))
    whole = Passage(text="a" * 2000 + "the best", source="a.md", place=1, parts=parts, scores={"cosine": 0.6})
    assert [one["text"] for one in await search(Found(whole))] == ["the best"]


@pytest.mark.parametrize("found", [Found(), Found(passage("far", cosine=0.1))])
async def test_that_nothing_was_found_is_said_in_words(found: Found) -> None:
    assert "Nothing was found" in await search(found)


async def test_a_domain_without_documents_is_refused_and_searches_nothing() -> None:
    found = Found(passage("near", cosine=0.6))
    with pytest.raises(ToolRefused, match="'general' has no documents"):
        await search(found, domain=Domain(name="general", description="All else"))
    assert found.asked == []


async def test_an_empty_query_is_refused() -> None:
    with pytest.raises(ToolRefused, match="the query is empty"):
        await search(Found(), " ")


async def test_five_long_passages_fit_into_a_result() -> None:
    found = Found(*(passage("word " * 800, cosine=0.6) for _ in range(5)))
    result = await search(found)
    assert all(one["text"].endswith("word…") for one in result)
    assert len(json.dumps(result)) < 8_000


async def test_the_model_is_asked_for_the_query_alone_and_nobody_for_a_yes() -> None:
    async with opened("search_documents", search_passages=Found()) as registry:
        (tool,) = await registry.tools()
    assert list(tool.parameters["properties"]) == ["query"]
    assert not tool.effects
