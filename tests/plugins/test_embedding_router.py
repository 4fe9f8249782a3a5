"""The embedding router goes by likeness, is modest where nothing fits, and shows what it went by."""

import asyncio
import math
import tomllib
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mdsa_server.inference.embedder import Embedder
from mdsa_server.plugin_api import Domain, Embed, Opinion, RouteQuery
from mdsa_server.plugin_host.discovery import discover
from mdsa_server.plugin_host.registry import PluginRegistry
from mdsa_server.routing.decide import decide
from tests.plugins.first_party import PLUGINS, opened

SHIPPED = tomllib.loads((PLUGINS.parent / "mdsa.toml").read_text("utf-8"))["domains"]
DOMAINS = tuple(
    Domain(name=name, description=table["description"], examples=tuple(table["examples"]))
    for name, table in SHIPPED.items()
)

(PLUGIN,) = (plugin for plugin in discover(PLUGINS, []) if plugin.name == "embedding_router")
ROUTER: Any = PLUGIN.load()


@pytest.fixture(scope="module")
def embedder() -> Iterator[Embedder]:
    embedder = Embedder("auto", offline=True, threads=0, cache=None)
    yield embedder
    asyncio.run(embedder.close())


@pytest.fixture
async def registry(embedder: Embedder) -> AsyncIterator[PluginRegistry]:
    async with opened("embedding_router", domains=DOMAINS, embed=embedder.embed) as registry:
        yield registry


async def embed_degrees(texts: Sequence[str], *, cached: bool = False) -> NDArray[np.float32]:
    """Take each text for an angle: 0 and 90 have nothing in common, 180 is the opposite of 0."""
    angles = [math.radians(float(text)) for text in texts]
    return np.array([[math.cos(angle), math.sin(angle)] for angle in angles], np.float32).reshape(-1, 2)


async def route(registry: PluginRegistry, message: str, embed: Embed) -> Opinion:
    async def vector() -> NDArray[np.float32]:
        (made,) = await embed([message])
        return np.asarray(made)

    (router,) = registry.routers
    return await registry.call(router, partial(router.route, RouteQuery(message=message, vector=vector)))


def sure(opinion: Opinion) -> dict[str, float]:
    return {candidate.domain: candidate.confidence for candidate in opinion.candidates}


def angles(name: str, *texts: str) -> Domain:
    return Domain(name=name, description=texts[0], examples=texts[1:])


# --- the domains that come with the server


@pytest.mark.parametrize(
    ("message", "domain"),
    [
        ("Write a function that checks whether a string is a palindrome", "code"),
        ("Why is my for loop skipping the last element?", "code"),
        ("Write a SQL statement to find duplicate emails in a table", "code"),
        ("What does git rebase do?", "code"),
        ("How do I read a csv file line by line in Python?", "code"),
        ("Implement quicksort", "code"),
        ("How do I install a new model?", "handbook"),
        ("How do I validate my configuration?", "handbook"),
        ("Where does MDSA keep its data?", "handbook"),
        ("Can I run this server on another port?", "handbook"),
        ("How do I add examples to a domain?", "handbook"),
        ("How are you today?", "general"),
        ("What's the capital of Australia?", "general"),
        ("Write a birthday poem for my sister", "general"),
        ("How do I remove a red wine stain from a carpet?", "general"),
        ("How does a car engine start?", "general"),
        ("How do I change a flat tyre?", "general"),
        ("Which is better for running, morning or evening?", "general"),
        ("thanks, that was helpful", "general"),
        ("asdf qwer zxcv", "general"),
        ("", "general"),
    ],
)
async def test_ordinary_questions_find_their_domain(
    registry: PluginRegistry, embedder: Embedder, message: str, domain: str
) -> None:
    opinion = await route(registry, message, embedder.embed)
    assert decide([("embedding_router", opinion)], fallback="general", min_confidence=0.5).domain == domain


async def test_the_nearest_examples_are_shown_with_their_likeness(registry: PluginRegistry, embedder: Embedder) -> None:
    opinion = await route(registry, "How can I undo my last commit in git?", embedder.embed)
    first, *others = opinion.evidence
    assert (first.kind, first.text, first.domain) == ("example", "How do I undo my last git commit?", "code")
    assert first.weight is not None
    assert 0.8 < first.weight < 1.0
    assert [seen.weight for seen in others] == sorted((seen.weight or 0 for seen in others), reverse=True)


async def test_a_domain_that_is_only_described_is_found(embedder: Embedder) -> None:
    domains = (
        Domain(name="general", description="Everyday questions about anything."),
        Domain(name="cooking", description="Cooking, recipes and food."),
        Domain(name="cars", description="Cars and how to repair them."),
    )
    async with opened("embedding_router", domains=domains, embed=embedder.embed) as registry:
        opinion = await route(registry, "my car's brakes make a noise, how do I repair that?", embedder.embed)
    assert opinion.candidates[0].domain == "cars"
    assert opinion.candidates[0].confidence > 0.5
    assert opinion.evidence[0].kind == "description"


async def test_a_description_of_everything_does_not_take_what_others_have_examples_of(embedder: Embedder) -> None:
    domains = (Domain(name="general", description=SHIPPED["general"]["description"]), *DOMAINS[1:])
    async with opened("embedding_router", domains=domains, embed=embedder.embed) as registry:
        opinion = await route(registry, "Write a unit test for a sorting function", embedder.embed)
    assert sure(opinion)["code"] > 0.9
    assert sure(opinion)["general"] < 0.05


# --- made-up directions, where the right answer is plain


async def test_what_belongs_to_two_domains_alike_leaves_both_unsure() -> None:
    domains = (angles("east", "0", "10", "20"), angles("also_east", "0", "10", "20"))
    async with opened("embedding_router", domains=domains, embed=embed_degrees) as registry:
        opinion = await route(registry, "10", embed_degrees)
    assert sure(opinion)["east"] == sure(opinion)["also_east"] < 0.5


async def test_what_is_unlike_everything_leaves_all_unsure() -> None:
    domains = (angles("east", "0", "10", "20"), angles("north", "90", "80", "100"))
    async with opened("embedding_router", domains=domains, embed=embed_degrees) as registry:
        assert sure(await route(registry, "5", embed_degrees))["east"] > 0.9
        assert sum(sure(await route(registry, "225", embed_degrees)).values()) < 0.01


async def test_candidates_come_surest_first() -> None:
    domains = (angles("east", "0", "10"), angles("north", "90", "80"), angles("between", "45", "55"))
    async with opened("embedding_router", domains=domains, embed=embed_degrees) as registry:
        opinion = await route(registry, "70", embed_degrees)
    assert [candidate.domain for candidate in opinion.candidates] == ["north", "between", "east"]


async def test_changed_domains_take_the_place_of_the_old() -> None:
    async with opened("embedding_router", domains=[angles("east", "0", "10")], embed=embed_degrees) as registry:
        await registry.refit(["embedding_router"], [angles("north", "90", "80")])
        assert list(sure(await route(registry, "10", embed_degrees))) == ["north"]


async def test_what_domains_are_known_by_is_embedded_once_and_kept_and_the_model_is_loaded() -> None:
    asked: list[tuple[tuple[str, ...], bool]] = []

    async def embed(texts: Sequence[str], *, cached: bool = False) -> NDArray[np.float32]:
        asked.append((tuple(texts), cached))
        return await embed_degrees(texts)

    async with opened("embedding_router", domains=[angles("east", "0", "1", "1", "0", " ")], embed=embed) as registry:
        await route(registry, "10", embed_degrees)
    assert asked == [(("0", "1"), True), (("0",), False)]


async def test_without_domains_it_has_no_view() -> None:
    async with opened("embedding_router", embed=embed_degrees) as registry:
        assert await route(registry, "10", embed_degrees) == Opinion()


# --- the rule


COSINES = st.floats(-1, 1)


@given(st.lists(st.lists(COSINES, min_size=1, max_size=6), min_size=1, max_size=6), COSINES)
def test_confidences_are_shares_that_leave_room_for_out_of_scope(cosines: list[list[float]], even: float) -> None:
    owners = np.repeat(np.arange(len(cosines)), [len(own) for own in cosines])
    likeness = ROUTER.likeness_to(np.concatenate(cosines), owners, len(cosines))
    confidences = ROUTER.confidences(likeness, np.full(len(cosines), math.exp(ROUTER.SHARPNESS * even)))
    assert confidences.shape == (len(cosines),)
    assert (confidences >= 0).all()
    # Adding up may round the last bit the other way.
    assert confidences.sum() <= 1 + 1e-9


@given(st.lists(COSINES, min_size=1, max_size=6), st.integers(1, 5))
def test_a_domain_gains_nothing_by_having_more_of_the_same(cosines: list[float], times: int) -> None:
    once = ROUTER.likeness_to(np.array(cosines), np.zeros(len(cosines), np.intp), 1)
    more = ROUTER.likeness_to(np.array(cosines * times), np.zeros(len(cosines) * times, np.intp), 1)
    assert more == pytest.approx(once)


def test_what_is_usual_is_told_by_each_sentence_from_the_others() -> None:
    random = np.random.default_rng(4)
    vectors = random.normal(size=(ROUTER.ROWS_AT_ONCE + 90, 64))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    each = [
        np.exp(ROUTER.SHARPNESS * np.delete(vectors @ vector, place)).mean() for place, vector in enumerate(vectors)
    ]
    expected = np.exp(np.quantile(np.log(each), ROUTER.STRANGERS))
    (usual,) = ROUTER.usual_likeness(vectors.astype(np.float32), np.zeros(len(vectors), np.intp), 1)
    assert usual == pytest.approx(expected, rel=1e-3)


def test_sentences_that_are_all_alike_still_let_others_in() -> None:
    vectors = np.tile(np.array([1.0, 0.0], np.float32), (10, 1))
    (usual,) = ROUTER.usual_likeness(vectors, np.zeros(10, np.intp), 1)
    assert math.log(usual) / ROUTER.SHARPNESS == pytest.approx(ROUTER.STRICTEST_COSINE)


def test_a_single_sentence_asks_for_what_the_other_domains_do() -> None:
    vectors = np.array([[1, 0, 0], [0.5, math.sqrt(0.75), 0], [0, 0, 1]], np.float32)
    of_two, of_one = ROUTER.usual_likeness(vectors, np.array([0, 0, 1]), 2)
    assert of_one == pytest.approx(of_two)
