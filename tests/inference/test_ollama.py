"""The client reads streams as they come, closes them when nobody reads on, and names what is wrong with an engine."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

import pytest
from aiohttp import web

from mdsa_server.embedded_ollama.application import serve
from mdsa_server.embedded_ollama.wire import Refused
from mdsa_server.errors import (
    EngineBusy,
    EngineDied,
    EngineRefused,
    EngineUnreachable,
    MdsaError,
    UnknownModel,
)
from mdsa_server.inference.ollama import ChatChunk, OllamaClient
from mdsa_server.vocabulary.conversation import Message
from tests.fakes.script import DIES, HANGS, STOPS_SHORT, Breaks, Calls, ScriptedModel, Sends, Step, Thinks
from tests.fakes.scripted_ollama import ScriptedOllama

HELLO = [Message(role="user", content="Hello")]


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel(name="one:1b")


@pytest.fixture
async def engine(model: ScriptedModel) -> AsyncIterator[ScriptedOllama]:
    async with ScriptedOllama(model) as engine:
        yield engine


@pytest.fixture
async def client(engine: ScriptedOllama) -> AsyncIterator[OllamaClient]:
    client = OllamaClient(engine.url)
    yield client
    await client.close()


async def answer(client: OllamaClient, model: str = "one:1b") -> list[ChatChunk]:
    async with aclosing(client.chat(model, HELLO, options={}, keep_alive="5m")) as chunks:
        return [chunk async for chunk in chunks]


async def test_a_token_is_given_as_soon_as_it_arrives(client: OllamaClient, model: ScriptedModel) -> None:
    go = asyncio.Event()
    model.says = ["one", go, "two"]
    async with aclosing(client.chat(model.name, HELLO, options={}, keep_alive="5m")) as chunks:
        assert (await anext(chunks)).content == "one"
        go.set()
        assert "".join([chunk.content async for chunk in chunks]) == "two"


async def test_a_chat_sends_all_it_was_given(client: OllamaClient, engine: ScriptedOllama) -> None:
    tools = [{"type": "function", "function": {"name": "clock"}}]
    chunks = client.chat(
        "one:1b", HELLO, options={"num_ctx": 512}, keep_alive=-1, think=False, tools=tools, format={"type": "object"}
    )
    async with aclosing(chunks):
        assert [chunk async for chunk in chunks][-1].done
    assert engine.asked("/api/chat") == [
        {
            "model": "one:1b",
            "messages": [{"role": "user", "content": "Hello"}],
            "stream": True,
            "options": {"num_ctx": 512},
            "keep_alive": -1,
            "think": False,
            "tools": tools,
            "format": {"type": "object"},
        }
    ]


async def test_a_chat_says_nothing_of_what_it_was_not_given(client: OllamaClient, engine: ScriptedOllama) -> None:
    await answer(client)
    assert engine.asked("/api/chat")[0].keys() == {"model", "messages", "stream", "keep_alive"}


async def test_thinking_and_tool_calls_come_in_their_own_fields(client: OllamaClient, model: ScriptedModel) -> None:
    model.says = [Thinks("Let me see."), Calls("clock", {"zone": "UTC"}), "Noon."]
    chunks = await answer(client)
    assert "".join(chunk.thinking for chunk in chunks) == "Let me see."
    assert [call["function"]["name"] for chunk in chunks for call in chunk.tool_calls] == ["clock"]
    assert "".join(chunk.content for chunk in chunks) == "Noon."


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (["kept", DIES], "connection was closed"),
        (["kept", STOPS_SHORT], "before it was complete"),
        (["kept", Sends(b"nonsense\n")], "cannot be read"),
        (["kept", Sends(b'{"message": {"content": "half')], "cannot be read"),
        (["kept", Breaks("runner terminated")], "runner terminated"),
    ],
    ids=["connection cut", "no last line", "garbage", "half a line", "error line"],
)
async def test_an_engine_that_fails_in_the_middle_is_named_and_what_came_is_kept(
    client: OllamaClient, model: ScriptedModel, says: Sequence[Step], words: str
) -> None:
    model.says = [*says]
    chunks = client.chat(model.name, HELLO, options={}, keep_alive="5m")
    assert (await anext(chunks)).content == "kept"
    with pytest.raises(EngineDied, match=words) as caught:
        await anext(chunks)
    assert caught.value.mend


async def test_an_engine_that_says_nothing_for_too_long_has_died(engine: ScriptedOllama, model: ScriptedModel) -> None:
    model.says = ["kept", HANGS]
    client = OllamaClient(engine.url, stall_timeout=0.2)
    chunks = client.chat(model.name, HELLO, options={}, keep_alive="5m")
    assert (await anext(chunks)).content == "kept"
    with pytest.raises(EngineDied, match="said nothing for too long"):
        await anext(chunks)
    await client.close()


async def test_an_engine_that_does_not_begin_to_answer_is_not_waited_for_for_ever(
    engine: ScriptedOllama, model: ScriptedModel
) -> None:
    model.load_seconds = 10.0
    client = OllamaClient(engine.url, stall_timeout=0.2)
    with pytest.raises(EngineUnreachable, match="said nothing for too long"):
        await anext(client.chat(model.name, HELLO, options={}, keep_alive="5m"))
    await client.close()


async def test_an_answer_that_waits_within_the_engine_is_waited_for_while_its_model_answers_another(
    engine: ScriptedOllama, model: ScriptedModel
) -> None:
    model.parallel, model.says, model.token_seconds = 1, ["word "] * 12, 0.1
    client = OllamaClient(engine.url, stall_timeout=0.4)
    speaking = client.chat(model.name, HELLO, options={}, keep_alive="5m")
    await anext(speaking)
    waiting = asyncio.create_task(anext(client.chat(model.name, HELLO, options={}, keep_alive="5m")))
    started = asyncio.get_running_loop().time()
    async for _ in speaking:
        assert not waiting.done()
    assert asyncio.get_running_loop().time() - started > 2 * 0.4
    assert (await waiting).content
    await client.close()


async def test_closing_the_stream_reaches_the_engine_at_once(
    client: OllamaClient, engine: ScriptedOllama, model: ScriptedModel
) -> None:
    model.says = ["one", HANGS]
    chunks = client.chat(model.name, HELLO, options={}, keep_alive="5m")
    await anext(chunks)
    await chunks.aclose()
    await asyncio.wait_for(engine.until(lambda: engine.cut == 1), 5)


async def test_cancelling_the_reader_reaches_the_engine_at_once(
    client: OllamaClient, engine: ScriptedOllama, model: ScriptedModel
) -> None:
    model.says = [HANGS]
    reader = asyncio.create_task(answer(client))
    await engine.until(lambda: len(engine.asked("/api/chat")) == 1)
    reader.cancel()
    await asyncio.wait_for(engine.until(lambda: engine.cut == 1), 5)
    with pytest.raises(asyncio.CancelledError):
        await reader


async def test_a_stream_read_to_its_end_is_not_taken_for_a_cut_one(
    client: OllamaClient, engine: ScriptedOllama
) -> None:
    for _ in range(3):
        await answer(client)
    assert engine.cut == 0


async def test_more_streams_than_any_default_limit_run_at_once(
    client: OllamaClient, engine: ScriptedOllama, model: ScriptedModel
) -> None:
    all_have_asked = asyncio.Event()
    model.says = ["one", all_have_asked, "two"]
    readers = [asyncio.create_task(answer(client)) for _ in range(150)]
    await engine.until(lambda: len(engine.asked("/api/chat")) == 150)
    all_have_asked.set()
    answers = await asyncio.gather(*readers)
    assert {"".join(chunk.content for chunk in chunks) for chunks in answers} == {"onetwo"}


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (Refused(400, '"one:1b" does not support chat'), EngineRefused),
        (Refused(500, 'option "temperature" must be of type float32'), EngineRefused),
        (Refused(503, "server busy, please try again."), EngineBusy),
        (Refused(500, "llama runner process has terminated"), EngineDied),
    ],
)
async def test_a_refused_chat_is_an_error_of_its_kind(
    client: OllamaClient, model: ScriptedModel, change: Refused, kind: type[MdsaError]
) -> None:
    model.refuses = change
    with pytest.raises(kind):
        await answer(client)


async def test_an_engine_with_a_full_line_is_busy(client: OllamaClient, engine: ScriptedOllama) -> None:
    engine.busy = True
    with pytest.raises(EngineBusy, match="server busy"):
        await answer(client)


async def test_every_call_names_a_model_that_is_not_there(client: OllamaClient) -> None:
    calls = [
        client.show("nope"),
        client.load("nope", options={}, keep_alive=1),
        client.unload("nope"),
        client.embed("nope", ["x"]),
        answer(client, "nope"),
    ]
    for call in calls:
        with pytest.raises(UnknownModel, match="nope"):
            await call


async def test_every_call_names_an_engine_that_is_gone_and_how_to_start_it(
    client: OllamaClient, engine: ScriptedOllama
) -> None:
    await engine.stop()
    calls = [client.version(), client.installed(), client.resident(), client.show("one:1b"), answer(client)]
    for call in calls:
        with pytest.raises(EngineUnreachable, match=client.url) as caught:
            await call
        assert "ollama serve" in caught.value.mend


async def test_an_engine_that_comes_back_is_used_again(client: OllamaClient, engine: ScriptedOllama) -> None:
    await answer(client)
    await engine.stop()
    with pytest.raises(EngineUnreachable):
        await answer(client)
    await engine.start()
    assert (await answer(client))[-1].done


async def test_a_table_over_which_the_engine_stumbles_while_a_model_goes_is_read_again(
    client: OllamaClient, engine: ScriptedOllama, model: ScriptedModel
) -> None:
    await client.load(model.name, options={}, keep_alive="5m")
    engine.table_stumbles = 2
    assert [row.name for row in await client.resident()] == [model.name]


async def test_an_engine_that_always_stumbles_is_named(client: OllamaClient, engine: ScriptedOllama) -> None:
    engine.table_stumbles = 1000
    with pytest.raises(EngineRefused):
        await client.resident()


async def test_another_program_at_the_address_is_not_taken_for_an_engine() -> None:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<html>Welcome</html>", content_type="text/html")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", page)
    runner, url = await serve(app, "127.0.0.1", 0)
    client = OllamaClient(url)
    for call in (client.version(), client.installed(), client.resident(), client.show("m")):
        with pytest.raises(EngineUnreachable, match="does not speak as Ollama does"):
            await call
    with pytest.raises(EngineDied):
        await answer(client)
    await client.close()
    await runner.cleanup()


async def test_a_proxy_in_the_environment_is_not_asked_for_the_engine(
    engine: ScriptedOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    client = OllamaClient(engine.url)
    assert len(await client.installed()) == 1
    assert (await answer(client))[-1].done
    await client.close()


async def test_a_pull_tells_how_far_it_is(client: OllamaClient, engine: ScriptedOllama) -> None:
    engine.pullable["two:1b"] = ScriptedModel(name="two:1b", size=1000)
    steps = [step async for step in client.pull("two:1b")]
    assert [(step.completed, step.total) for step in steps] == [(0, 0), (0, 1000), (500, 1000), (1000, 1000), (0, 0)]
    assert steps[-1].status == "success"
    assert "two:1b" in {model.name for model in await client.installed()}
