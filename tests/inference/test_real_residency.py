"""The keeper and a real Ollama agree on what is in memory, whoever else has a hand in it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from mdsa_server.errors import EngineError
from mdsa_server.inference.model_keeper import ModelKeeper
from mdsa_server.inference.ollama import OllamaClient
from mdsa_server.inference.ollama_embedder import OllamaEmbedder
from mdsa_server.inference.residency import Limits
from mdsa_server.vocabulary.conversation import Message
from mdsa_server.vocabulary.domain import ModelOptions
from tests.inference.keeping import admitted, keeper_of
from tests.wire.engines import Engine, free_port, real_engine

pytestmark = pytest.mark.ollama

MODELS = ("one", "two", "three", "four", "five")
PLACES = 2
SHORT: ModelOptions = {"num_ctx": 512, "num_predict": 12, "seed": 1}
LIMITS = Limits(max_models=PLACES, max_wait=5.0, max_running=8)


@pytest.fixture(scope="module")
def ollama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with real_engine(
        tmp_path_factory.mktemp("residency") / "server.log", models=MODELS, OLLAMA_MAX_LOADED_MODELS="3"
    ) as engine:
        yield engine


@pytest.fixture
async def keeper(ollama: Engine) -> AsyncIterator[ModelKeeper]:
    async with keeper_of(ollama.url, LIMITS) as keeper:
        for model in await keeper.engine.client.resident():
            await keeper.unload(model.name)
        yield keeper


async def ask(keeper: ModelKeeper, model: str) -> str:
    """Have a turn answered; gives the answer."""
    answer = ""
    async with keeper.lease([model], SHORT) as lease:
        await admitted(lease)
        question = [Message(role="user", content="Name a colour.")]
        async for chunk in lease.client.chat(model, question, options=SHORT, keep_alive=lease.keep_alive):
            answer += chunk.content
            if chunk.done:
                lease.answered(chunk)
    return answer


async def resident(client: OllamaClient) -> set[str]:
    return {row.name.removesuffix(":latest") for row in await client.resident()}


@asynccontextmanager
async def watched(url: str) -> AsyncIterator[list[set[str]]]:
    """What the engine shows in memory from moment to moment while the block runs."""
    client, seen = OllamaClient(url), list[set[str]]()

    async def look() -> None:
        while True:
            seen.append(await resident(client))
            await asyncio.sleep(0.02)

    looking = asyncio.create_task(look())
    try:
        yield seen
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
        await client.close()


async def test_no_more_models_are_in_memory_than_may_be_and_the_one_not_used_for_longest_goes(
    ollama: Engine, keeper: ModelKeeper
) -> None:
    held: list[set[str]] = []
    async with watched(ollama.url) as seen:
        for model in ("one", "two", "one", "three", "two"):
            assert await ask(keeper, model)
            held.append(await resident(keeper.engine.client))
    assert held == [{"one"}, {"one", "two"}, {"one", "two"}, {"one", "three"}, {"two", "three"}]
    assert max(len(models) for models in seen) == PLACES


async def test_twenty_streams_over_five_models_all_complete_within_the_places_there_are(ollama: Engine) -> None:
    patient = replace(LIMITS, max_wait=120.0)
    async with keeper_of(ollama.url, patient) as keeper, watched(ollama.url) as seen:
        answers = await asyncio.gather(*(ask(keeper, MODELS[number % 5]) for number in range(20)))
        uses = await keeper.uses(MODELS)
    assert all(answers)
    assert max(len(models) for models in seen) <= PLACES
    assert max(use.loads for use in uses.values()) == 1, "each model is loaded once for all who wait for it"


async def test_a_pinned_model_stays(keeper: ModelKeeper) -> None:
    await ask(keeper, "one")
    await keeper.pin("one", {})
    for model in ("two", "three", "four"):
        await ask(keeper, model)
        assert "one" in await resident(keeper.engine.client)
    await keeper.unpin("one")
    for model in ("two", "three"):
        await ask(keeper, model)
    assert "one" not in await resident(keeper.engine.client)


async def test_a_model_that_somebody_stops_is_loaded_again(keeper: ModelKeeper) -> None:
    await ask(keeper, "one")
    await keeper.engine.client.unload("one")  # As `ollama stop` does.
    assert await ask(keeper, "one")
    assert await ask(keeper, "two")
    assert await resident(keeper.engine.client) == {"one", "two"}


async def test_a_model_process_that_is_killed_costs_one_answer_at_most(ollama: Engine, keeper: ModelKeeper) -> None:
    await ask(keeper, "one")
    for runner in psutil.Process(ollama.process).children(recursive=True):
        os.kill(runner.pid, signal.SIGKILL)
    with suppress(EngineError):
        await ask(keeper, "one")
    assert await ask(keeper, "one")


async def test_an_engine_that_is_started_again_is_used_again(tmp_path: Path) -> None:
    port = free_port()
    with real_engine(tmp_path / "first.log", models=MODELS, port=port) as first:
        keeping = keeper_of(first.url, LIMITS)
        keeper = await keeping.__aenter__()
        await ask(keeper, "one")
    with pytest.raises(EngineError):
        await ask(keeper, "one")
    with real_engine(tmp_path / "second.log", models=MODELS, port=port):
        assert await ask(keeper, "one")
        assert await resident(keeper.engine.client) == {"one"}
        await keeping.__aexit__(None, None, None)


async def test_texts_are_embedded_by_a_leased_model_within_the_places_there_are(keeper: ModelKeeper) -> None:
    async def the_keeper() -> ModelKeeper:
        return keeper

    for model in ("one", "two"):
        await ask(keeper, model)
    embedder = OllamaEmbedder(the_keeper, "three", cache=None)
    one, other, again = await embedder.embed(["The cat sleeps.", "", "The cat sleeps."])
    assert float(one @ again) == pytest.approx(1.0, abs=1e-4)
    assert float(one @ other) < 0.999
    assert await resident(keeper.engine.client) == {"two", "three"}
    assert (await embedder.encoder()).startswith("ollama-1-")
