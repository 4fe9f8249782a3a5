"""What the embedding router has learnt once it need not learn again, nor after a restart."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from mdsa_server.plugin_api import Domain, Example, RouteQuery
from tests.plugins.first_party import KeptInMemory
from tests.plugins.test_embedding_router import ROUTER, embed_degrees

EAST = Domain(name="east", description="0", examples=tuple(map(Example, ("3", "5", "8", "11", "14", "2"))))
NORTH = Domain(name="north", description="90", examples=tuple(map(Example, ("85", "95", "97", "88", "91"))))


async def judged(router: object, *messages: str) -> list[object]:
    said = []
    for message in messages:

        async def vector(message: str = message) -> NDArray[np.float32]:
            (made,) = await embed_degrees([message])
            return np.asarray(made)

        said.append(await router.route(RouteQuery(message=message, vector=vector)))  # type: ignore[attr-defined]  # loaded
    return said


@pytest.fixture
def learnt(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many examples were learnt, fit by fit."""
    fits: list[int] = []
    learn = ROUTER.learn

    def counted(sample: object, domains: int) -> object:
        fits.append(len(sample.texts))  # type: ignore[attr-defined]  # a sample has texts
        return learn(sample, domains)

    monkeypatch.setattr(ROUTER, "learn", counted)
    return fits


async def fitted(cache: KeptInMemory, domains: Sequence[Domain] = (EAST, NORTH)) -> object:
    router = ROUTER.EmbeddingRouter(embed_degrees, cache)
    await router.fit(domains)
    return router


async def test_what_was_learnt_before_is_remembered_and_says_the_same(learnt: list[int]) -> None:
    cache = KeptInMemory()
    first, second = await fitted(cache), await fitted(cache)
    assert len(learnt) == 1
    assert await judged(first, "7", "60", "200") == await judged(second, "7", "60", "200")
    assert list(first.predictions) == list(second.predictions) != []  # type: ignore[attr-defined]  # a router has them


async def test_another_example_or_another_order_is_learnt_anew(learnt: list[int]) -> None:
    cache = KeptInMemory()
    await fitted(cache)
    await fitted(cache, (NORTH, EAST))
    await fitted(cache, (EAST, Domain(name="north", description="90", examples=NORTH.examples[:-1])))
    assert len(learnt) == 3


async def test_what_is_damaged_is_learnt_anew_and_mended(learnt: list[int]) -> None:
    cache = KeptInMemory()
    await fitted(cache)
    for damaged in (b"", b"nonsense", next(iter(cache.values.values()))[:-40]):
        cache.values = dict.fromkeys(cache.values, damaged)
        router = await fitted(cache)
        assert await judged(router, "7") == await judged(await fitted(cache), "7")
    assert len(learnt) == 4, "once at first, and once for each that was damaged"
