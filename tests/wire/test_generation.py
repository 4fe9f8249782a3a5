"""What a model that generates does with options, formats, several requests at once, and clients that leave."""

import asyncio
import json
from contextlib import aclosing

import pytest

from mdsa_server.errors import PromptTooLong
from mdsa_server.inference.ollama import ChatChunk, OllamaClient
from mdsa_server.vocabulary.conversation import Message
from mdsa_server.vocabulary.domain import ModelOptions
from tests.wire.engines import Engine
from tests.wire.eventually import eventually

HELLO = [Message(role="user", content="Hello")]
STORY = "Tell me a long story about a fox."
CAPITAL = {
    "type": "object",
    "properties": {"capital": {"type": "string", "maxLength": 20}, "large": {"type": "boolean"}},
    "required": ["capital", "large"],
    "additionalProperties": False,
}


async def chunks_of(
    client: OllamaClient,
    engine: Engine,
    text: str,
    options: ModelOptions,
    format: str | dict[str, object] | None = None,
) -> list[ChatChunk]:
    messages = [Message(role="user", content=text)]
    async with aclosing(
        client.chat(engine.model, messages, options={"num_ctx": 2048, **options}, keep_alive="5m", format=format)
    ) as chunks:
        return [chunk async for chunk in chunks]


def text_of(chunks: list[ChatChunk]) -> str:
    return "".join(chunk.content for chunk in chunks)


async def test_an_answer_is_as_long_as_asked(model_engine: Engine, client: OllamaClient) -> None:
    chunks = await chunks_of(client, model_engine, STORY, {"num_predict": 7})
    assert (chunks[-1].answer_tokens, chunks[-1].done_reason) == (7, "length")


async def test_an_answer_ends_before_a_stop_word(model_engine: Engine, client: OllamaClient) -> None:
    free = text_of(await chunks_of(client, model_engine, STORY, {"num_predict": 12, "temperature": 0}))
    word = free.split()[-2]
    stopped = await chunks_of(client, model_engine, STORY, {"num_predict": 12, "temperature": 0, "stop": [word]})
    assert text_of(stopped) == free[: free.index(word)]
    assert stopped[-1].done_reason == "stop"


async def test_one_seed_gives_one_answer(model_engine: Engine, client: OllamaClient) -> None:
    warm: ModelOptions = {"num_predict": 12, "temperature": 1.5, "seed": 7}
    one, again, other = [
        text_of(await chunks_of(client, model_engine, STORY, options)) for options in (warm, warm, {**warm, "seed": 8})
    ]
    assert one == again
    assert one != other


async def test_a_schema_is_kept_to(model_engine: Engine, client: OllamaClient) -> None:
    options: ModelOptions = {"num_predict": 60, "temperature": 0}
    chunks = await chunks_of(client, model_engine, "Name the capital of France as JSON.", options, CAPITAL)
    answer = json.loads(text_of(chunks))
    assert (answer.keys(), type(answer["large"])) == ({"capital", "large"}, bool)


async def test_a_prompt_that_is_too_long_is_cut_and_answered(model_engine: Engine, client: OllamaClient) -> None:
    chunks = await chunks_of(client, model_engine, "word " * 300, {"num_ctx": 256, "num_predict": 3})
    assert chunks[-1].prompt_tokens <= 256
    assert chunks[-1].answer_tokens > 0


async def test_more_requests_than_places_are_all_answered(model_engine: Engine, client: OllamaClient) -> None:
    answers = await asyncio.gather(*[chunks_of(client, model_engine, STORY, {"num_predict": 6}) for _ in range(6)])
    assert [chunks[-1].answer_tokens for chunks in answers] == [6] * 6


@pytest.mark.parametrize("text", [STORY, "once upon a time " * 250], ids=["while it writes", "while it reads"])
async def test_a_client_that_leaves_stops_the_model(model_engine: Engine, client: OllamaClient, text: str) -> None:
    abandoned = [asyncio.create_task(chunks_of(client, model_engine, text, {"num_predict": 900})) for _ in range(4)]
    first = client.chat(model_engine.model, HELLO, options={"num_ctx": 2048, "num_predict": 900}, keep_alive="5m")
    if text == STORY:
        await anext(first)
    for task in abandoned:
        task.cancel()
    await first.aclose()
    await asyncio.gather(*abandoned, return_exceptions=True)
    async with asyncio.timeout(30):  # Five answers of 900 tokens would take minutes.
        chunks = await chunks_of(client, model_engine, "Hi", {"num_predict": 1})
    assert chunks[-1].done


async def test_tables_are_answered_while_a_model_loads_and_writes(model_engine: Engine, client: OllamaClient) -> None:
    await client.unload(model_engine.model)
    busy = asyncio.create_task(chunks_of(client, model_engine, STORY, {"num_predict": 30}))
    slowest = 0.0
    while not busy.done():
        began = asyncio.get_running_loop().time()
        await client.version()
        await client.resident()
        slowest = max(slowest, asyncio.get_running_loop().time() - began)
    assert slowest < 2.0
    assert (await busy)[-1].done


async def test_a_model_unloads_once_nobody_asks_it(model_engine: Engine, client: OllamaClient) -> None:
    await chunks_of(client, model_engine, "Hi", {"num_predict": 1})
    await client.unload(model_engine.model)

    async def gone() -> bool:
        return await client.resident() == ()

    await eventually(gone)


async def test_a_prompt_that_must_not_be_cut_is_refused_with_its_length(embedded: Engine) -> None:
    client = OllamaClient(embedded.url)
    messages = [Message(role="user", content="word " * 300)]
    chunks = client.chat(embedded.model, messages, options={"num_ctx": 256}, keep_alive="5m", whole=True)
    with pytest.raises(PromptTooLong, match="context") as refused:
        await anext(chunks)
    assert refused.value.tokens is not None
    assert refused.value.tokens > 300
    await client.close()


async def test_a_prompt_that_fits_is_answered_whether_or_not_it_may_be_cut(
    model_engine: Engine, client: OllamaClient
) -> None:
    chunks = client.chat(
        model_engine.model, HELLO, options={"num_ctx": 256, "num_predict": 3}, keep_alive="5m", whole=True
    )
    assert (await anext(chunks)).content
    await chunks.aclose()
