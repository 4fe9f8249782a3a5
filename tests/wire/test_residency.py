"""How long a model stays in an engine's memory."""

from datetime import UTC, datetime, timedelta

import pytest

from mdsa_server.inference.ollama import OllamaClient
from tests.wire.engines import Engine
from tests.wire.eventually import eventually
from tests.wire.test_client import HELLO, answer


@pytest.fixture(autouse=True)
async def _not_resident(engine: Engine, client: OllamaClient) -> None:
    await client.unload(engine.model)
    await eventually(lambda: is_gone(client))


async def is_gone(client: OllamaClient) -> bool:
    return await client.resident() == ()


@pytest.mark.parametrize(
    ("keep_alive", "stays"),
    [
        (90, timedelta(seconds=90)),
        ("90s", timedelta(seconds=90)),
        ("2m", timedelta(minutes=2)),
        ("1h30m", timedelta(hours=1, minutes=30)),
    ],
)
async def test_keep_alive_says_when_an_idle_model_goes(
    engine: Engine, client: OllamaClient, keep_alive: str | int, stays: timedelta
) -> None:
    await client.load(engine.model, options={}, keep_alive=keep_alive)
    loaded = datetime.now(UTC)
    [resident] = await client.resident()
    assert resident.expires is not None
    assert abs(resident.expires - loaded - stays) < timedelta(seconds=5)


@pytest.mark.parametrize("keep_alive", [-1, "-1m"])
async def test_below_zero_keeps_a_model_for_years(engine: Engine, client: OllamaClient, keep_alive: str | int) -> None:
    await client.load(engine.model, options={}, keep_alive=keep_alive)
    [resident] = await client.resident()
    assert resident.expires is not None
    assert resident.expires.year > datetime.now(UTC).year + 50


async def test_an_idle_model_goes_when_its_keep_alive_ends(engine: Engine, client: OllamaClient) -> None:
    await client.load(engine.model, options={}, keep_alive=0.3)
    await eventually(lambda: is_gone(client))


async def test_a_keep_alive_of_zero_lets_the_model_answer_first(engine: Engine, client: OllamaClient) -> None:
    chunks = [chunk async for chunk in client.chat(engine.model, HELLO, options={"num_predict": 2}, keep_alive=0)]
    assert chunks[-1].done
    await eventually(lambda: is_gone(client))


async def test_a_busy_model_is_unloaded_after_its_answer(engine: Engine, client: OllamaClient) -> None:
    chunks = client.chat(engine.model, HELLO, options={"num_predict": 20}, keep_alive="5m")
    await anext(chunks)
    await client.unload(engine.model)
    assert [chunk async for chunk in chunks][-1].done
    await eventually(lambda: is_gone(client))


async def test_another_context_loads_the_model_again(engine: Engine, client: OllamaClient) -> None:
    for context, loads in ((1024, True), (1024, False), (2048, True)):
        [*_, last] = await answer(client, engine.model, {"num_ctx": context, "num_predict": 2})
        # A load takes a tenth of a second at the very least, finding the model loaded hardly anything.
        assert (last.load_seconds > 0.1) == loads
