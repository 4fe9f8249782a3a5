"""The keyword router finds whole words and phrases, and is sure where they speak for one domain."""

from collections.abc import AsyncIterator

import pytest

from mdsa_server.plugin_api import Candidate, Domain, Evidence, Opinion, RouteQuery
from mdsa_server.plugin_host.registry import PluginRegistry
from tests.plugins.first_party import never_embed, opened

DOMAINS = (
    Domain(name="general", description="Everything", keywords=("joke", "café", "capital of")),
    Domain(name="code", description="Programs", keywords=("git", "C++", "unit test", "go", "plugin", "plugins", "")),
    Domain(name="garden", description="Plants", keywords=("plant", "git")),
    Domain(name="mute", description="No keywords"),
)


@pytest.fixture
async def registry() -> AsyncIterator[PluginRegistry]:
    async with opened("keyword_router", domains=DOMAINS) as registry:
        yield registry


async def route(registry: PluginRegistry, message: str) -> Opinion:
    (router,) = registry.routers
    query = RouteQuery(message=message, vector=lambda: never_embed([message]))
    return await registry.call(router, lambda: router.route(query))


@pytest.mark.parametrize(
    ("message", "domain", "word"),
    [
        ("Tell me a JOKE!", "general", "joke"),
        ("Tell me some jokes", "general", "joke"),
        ("a cafe in Paris", "general", "cafe"),
        ("un CAFÉ, please", "general", "cafe"),
        ("the capital \n of Peru", "general", "capital of"),
        ("Is C++ hard?", "code", "c++"),
        ("Write two unit tests.", "code", "unit test"),
        ("Where do I go", "code", "go"),
        ("my plant's leaves", "garden", "plant"),
    ],
)
async def test_one_clear_word_is_enough_and_is_told(
    registry: PluginRegistry, message: str, domain: str, word: str
) -> None:
    opinion = await route(registry, message)
    (candidate,) = opinion.candidates
    assert candidate.domain == domain
    assert candidate.confidence > 0.5
    assert opinion.evidence == (Evidence("keyword", word, domain),)


@pytest.mark.parametrize("message", ["", "digital", "jokester", "he goes", "capital offence", "unit. test", "ccc"])
async def test_parts_of_words_are_not_found(registry: PluginRegistry, message: str) -> None:
    assert await route(registry, message) == Opinion()


async def test_more_words_make_it_surer_but_never_certain(registry: PluginRegistry) -> None:
    messages = ["a unit test", "a unit test in C++", "a unit test of a plugin in C++"]
    sure = [(await route(registry, message)).candidates[0].confidence for message in messages]
    assert sure == sorted(set(sure))
    assert sure[-1] < 1


async def test_a_word_counts_once_however_often_and_in_whatever_number_it_comes(registry: PluginRegistry) -> None:
    once = await route(registry, "a plugin")
    assert await route(registry, "plugins, plugins and one plugin") == once


async def test_two_domains_hit_alike_are_both_unsure(registry: PluginRegistry) -> None:
    opinion = await route(registry, "git")
    assert [candidate.domain for candidate in opinion.candidates] == ["code", "garden"]
    assert all(candidate.confidence < 0.5 for candidate in opinion.candidates)


async def test_the_domain_with_more_of_the_words_comes_first(registry: PluginRegistry) -> None:
    first, second = (await route(registry, "a joke about a unit test in C++")).candidates
    assert (first.domain, second.domain) == ("code", "general")
    assert first.confidence > 0.5 > second.confidence


async def test_changed_keywords_take_the_place_of_the_old(registry: PluginRegistry) -> None:
    await registry.refit(["keyword_router"], [Domain(name="maths", description="Numbers", keywords=("sum",))])
    assert (await route(registry, "a joke")).candidates == ()
    assert (await route(registry, "a sum")).candidates == (Candidate("maths", 0.7),)
