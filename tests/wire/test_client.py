"""This server's own client speaks with every engine, and cannot tell them apart."""

from contextlib import aclosing

import pytest

from mdsa_server.errors import EngineRefused, UnknownModel
from mdsa_server.inference.ollama import ChatChunk, OllamaClient
from mdsa_server.vocabulary.conversation import Message
from mdsa_server.vocabulary.domain import ModelOptions
from tests.wire.engines import Engine

HELLO = [Message(role="user", content="What is the capital of France?")]
FEW: ModelOptions = {"num_predict": 8, "temperature": 0, "seed": 1}


async def answer(client: OllamaClient, model: str, options: ModelOptions = FEW) -> list[ChatChunk]:
    async with aclosing(client.chat(model, HELLO, options=options, keep_alive="5m")) as chunks:
        return [chunk async for chunk in chunks]


async def test_the_version_begins_with_a_number(engine: Engine, client: OllamaClient) -> None:
    assert (await client.version()).split(".")[0].isdigit()


async def test_the_model_is_listed_with_its_size_and_digest(engine: Engine, client: OllamaClient) -> None:
    models = {model.name.removesuffix(":latest"): model for model in await client.installed()}
    assert models[engine.model].size > 1_000_000
    assert len(models[engine.model].digest) == 64
    assert models[engine.model].family == "llama"


async def test_a_model_tells_what_it_can_do(engine: Engine, client: OllamaClient) -> None:
    details = await client.show(engine.model)
    assert details.context_length == 8192
    assert "completion" in details.capabilities
    assert ("tools" in details.capabilities) == engine.tools


async def test_an_answer_streams_and_ends_with_its_costs(engine: Engine, client: OllamaClient) -> None:
    chunks = await answer(client, engine.model)
    assert "".join(chunk.content for chunk in chunks).startswith("The capital of France is")
    assert [chunk.done for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    last = chunks[-1]
    assert last.done_reason in ("stop", "length")
    assert last.prompt_tokens > 0
    assert 0 < last.answer_tokens <= 8
    assert last.answer_seconds > 0


async def test_a_model_that_is_loaded_is_resident_until_it_is_unloaded(engine: Engine, client: OllamaClient) -> None:
    await client.load(engine.model, options={"num_ctx": 2048}, keep_alive="5m")
    [resident] = await client.resident()
    assert resident.name.removesuffix(":latest") == engine.model
    assert resident.size > 0
    # Servers as old as the recorded one do not tell the context.
    assert resident.context_length in (2048, None)
    assert resident.expires is not None
    await client.unload(engine.model)


async def test_texts_are_embedded_as_unit_vectors_in_their_order(engine: Engine, client: OllamaClient) -> None:
    one, two, again = await client.embed(engine.model, ["The cat sleeps.", "Markets fell.", "The cat sleeps."])
    assert sum(value * value for value in one) == pytest.approx(1, abs=1e-3)
    assert one == pytest.approx(again, abs=1e-3)
    assert one != pytest.approx(two, abs=1e-3)


async def test_a_model_that_is_not_there_is_named_with_how_to_fetch_it(engine: Engine, client: OllamaClient) -> None:
    with pytest.raises(UnknownModel) as caught:
        await answer(client, "no-such-model:1b")
    assert "'no-such-model:1b'" in caught.value.detail
    assert caught.value.mend == "Fetch it: mdsa models pull no-such-model:1b"


async def test_an_option_of_the_wrong_type_is_refused_by_name(engine: Engine, client: OllamaClient) -> None:
    with pytest.raises(EngineRefused, match="temperature"):
        await answer(client, engine.model, {"temperature": "hot"})


async def test_a_pull_that_fails_says_why(engine: Engine, client: OllamaClient) -> None:
    progress = client.pull("nope-model-xyz")
    assert (await anext(progress)).status == "pulling manifest"
    with pytest.raises(EngineRefused, match="pull model manifest"):
        await anext(progress)
