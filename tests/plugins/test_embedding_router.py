"""The embedding router goes by likeness, is modest where nothing fits, and shows what it went by."""

import asyncio
import math
import tomllib
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mdsa_server.inference.embedder import Embedder
from mdsa_server.plugin_api import Domain, Embed, Example, MeasuredRouter, Opinion, RouteQuery
from mdsa_server.plugin_host.discovery import discover
from mdsa_server.plugin_host.registry import PluginRegistry
from mdsa_server.routing.decide import Terms, decide
from mdsa_server.routing.thresholds import threshold_for
from tests.plugins.first_party import PLUGINS, opened

SHIPPED = tomllib.loads((PLUGINS.parent / "mdsa.toml").read_text("utf-8"))["domains"]
DOMAINS = tuple(
    Domain(name=name, description=table["description"], examples=tuple(map(Example, table["examples"])))
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


def terms_of(registry: PluginRegistry) -> Terms:
    """The terms on which the server decides, as its defaults have them."""
    (router,) = registry.routers
    assert isinstance(router, MeasuredRouter)
    threshold = threshold_for(router.predictions, 0.85)
    assert threshold is not None
    return Terms(fallback="general", min_confidence=0.5, thresholds={"embedding_router": threshold})


def angles(name: str, *texts: str) -> Domain:
    return Domain(name=name, description=texts[0], examples=tuple(map(Example, texts[1:])))


# --- the domains that come with the server


QUESTIONS = {
    "Write a function that checks whether a string is a palindrome": "code",
    "Why is my for loop skipping the last element?": "code",
    "Write a SQL statement to find duplicate emails in a table": "code",
    "What does git rebase do?": "code",
    "How do I read a csv file line by line in Python?": "code",
    "Implement quicksort": "code",
    "How do I install a new model?": "handbook",
    "How do I validate my configuration?": "handbook",
    "Where does MDSA keep its data?": "handbook",
    "Can I run this server on another port?": "handbook",
    "How do I add examples to a domain?": "handbook",
    "How are you today?": "general",
    "What's the capital of Australia?": "general",
    "Write a birthday poem for my sister": "general",
    "How do I remove a red wine stain from a carpet?": "general",
    "How does a car engine start?": "general",
    "How do I change a flat tyre?": "general",
    "Which is better for running, morning or evening?": "general",
    "thanks, that was helpful": "general",
    "asdf qwer zxcv": "general",
    "": "general",
}


async def test_ordinary_questions_find_their_domain(registry: PluginRegistry, embedder: Embedder) -> None:
    found = {}
    for message in QUESTIONS:
        opinion = await route(registry, message, embedder.embed)
        found[message] = decide([("embedding_router", opinion)], terms_of(registry)).domain
    assert found == QUESTIONS


async def test_the_nearest_examples_are_shown_with_their_likeness(registry: PluginRegistry, embedder: Embedder) -> None:
    opinion = await route(registry, "How can I undo my last commit in git?", embedder.embed)
    first, *others = opinion.evidence
    assert (first.kind, first.text, first.domain) == ("example", "How do I undo my last git commit?", "code")
    assert first.weight is not None
    assert 0.8 < first.weight < 1.0
    assert [seen.weight for seen in others] == sorted((seen.weight or 0 for seen in others), reverse=True)


GOES_ON = {
    ("code", "code"): (
        *("and in Java?", "can you make it shorter?", "why does that work?", "what if the list is empty?", "thanks"),
        *("now add type hints", "explain the second line", "and with a while loop?", "is there a faster way?"),
        *("could you rewrite that without recursion", "what does the return value look like"),
    ),
    ("handbook", "handbook"): (
        *("and on Windows?", "where is that file?", "how do I change it back?", "does that need a restart?"),
        *("what if it is not there?", "and which is the default?"),
    ),
    ("code", "general"): (
        *("what is the capital of Portugal?", "tell me a joke about penguins please", "who won the world cup in 1998"),
        *("how long should I boil an egg", "write a birthday poem for my sister"),
    ),
    ("code", "handbook"): ("how do I add a new domain to mdsa.toml?", "which port does the server listen on?"),
    ("handbook", "code"): (
        *("write a python function that parses dates", "why does my javascript promise never resolve?"),
    ),
    ("handbook", "general"): ("what should I cook for dinner tonight", "explain black holes to a child"),
}
"""By the domain of the turn before and the domain that should answer: what is said next."""


async def test_conversations_stay_and_move_as_people_would_have_it_nine_times_in_ten(
    registry: PluginRegistry, embedder: Embedder
) -> None:
    right = []
    for (before, domain), messages in GOES_ON.items():
        for message in messages:
            pair = ("embedding_router", await route(registry, message, embedder.embed))
            chosen = decide([pair], terms_of(registry), message=message, previous=before).domain
            right.append((chosen == domain, message))
    assert sum(kept for kept, _ in right) >= 0.9 * len(right), [message for kept, message in right if not kept]


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
    assert sure(opinion)["east"] == pytest.approx(sure(opinion)["also_east"], abs=0.01)


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


async def test_a_domain_that_is_the_only_one_is_learnt_however_many_examples_it_has() -> None:
    domain = angles("east", *(str(degrees) for degrees in range(24)))
    async with opened("embedding_router", domains=[domain], embed=embed_degrees) as registry:
        assert list(sure(await route(registry, "10", embed_degrees))) == ["east"]


async def test_without_domains_it_has_no_view() -> None:
    async with opened("embedding_router", embed=embed_degrees) as registry:
        assert await route(registry, "10", embed_degrees) == Opinion()


async def test_intents_that_are_named_are_told_apart_within_a_domain() -> None:
    examples = (Example("0", "right"), Example("180", "left"), Example("5", "right"), Example("175", "left"))
    sideways = Domain(name="sideways", description="", examples=examples)
    async with opened(
        "embedding_router", domains=[sideways, angles("up", "90", "85", "95")], embed=embed_degrees
    ) as it:
        for message, domain in (("2", "sideways"), ("178", "sideways"), ("92", "up")):
            assert (await route(it, message, embed_degrees)).candidates[0].domain == domain


async def test_it_predicts_what_it_was_not_taught_and_more_when_it_knows_more(embedder: Embedder) -> None:
    async with opened("embedding_router", domains=DOMAINS, embed=embedder.embed) as registry:
        (router,) = registry.routers
        assert isinstance(router, MeasuredRouter)
        await registry.refit(["embedding_router"], DOMAINS)
        predictions = router.predictions
        known = sum(1 + len(domain.examples) for domain in DOMAINS)
        assert known < len(predictions) <= known * 1.3
        right = sum(prediction.right for prediction in predictions) / len(predictions)
        assert right > 0.55
        assert abs(right - sum(prediction.confidence for prediction in predictions) / len(predictions)) < 0.15


async def test_it_tells_what_it_was_tried_on_and_an_example_more_leaves_the_others_in_their_folds() -> None:
    async def tried(*texts: str) -> list[str]:
        """Give what a router that knows these examples too was tried on, fold after fold."""
        router = ROUTER.EmbeddingRouter(embed_degrees)
        await router.fit([angles("east", "0", "3", "5", "8", "11", *texts), angles("north", "90", "85", "95", "97")])
        return [prediction.message for prediction in router.predictions if prediction.in_scope]

    before, after = await tried(), await tried("14")
    assert set(after) == {*before, "14"} == {"0", "3", "5", "8", "11", "14", "90", "85", "95", "97"}
    assert [message for message in after if message != "14"] == before
