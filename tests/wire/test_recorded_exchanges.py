"""What is asked as it was recorded is answered as it was recorded: status, type, shape, and the words of errors."""

import aiohttp
import pytest

from mdsa_server.embedded_ollama.request_body import OPTIONS
from tests.wire.engines import Engine
from tests.wire.eventually import eventually
from tests.wire.transcript import Transcript, ask, differences

ANSWERS = [
    "version",
    "tags",
    "show",
    "chat_nostream",
    "chat_stream",
    "chat_stream_length",
    "chat_format_json",
    "chat_format_schema",
    "chat_load_only",
    "unload_chat",
    "load_generate",
    "unload_generate",
    "generate_nostream",
    "generate_stream",
    "generate_raw",
    "embed_one",
    "embed_many",
    "embed_empty",
]
REFUSALS = [
    "show_missing",
    "show_unknown",
    "generate_unknown_model",
    "chat_unknown_model",
    "chat_missing_model",
    "chat_bad_json",
    "chat_empty_body",
    "chat_bad_type",
    "chat_bad_option",
    "chat_bad_format",
    "chat_bad_keepalive",
    "embed_bad_input",
    "embed_unknown",
    "not_found",
    "chat_get_405",
]
REASONS = {
    "chat_stream_length": "length",
    "chat_load_only": "load",
    "load_generate": "load",
    "unload_chat": "unload",
    "unload_generate": "unload",
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_has_the_recorded_shape(engine: Engine, name: str) -> None:
    recorded = Transcript.read(name, engine.model)
    given = await ask(engine.url, recorded.method, recorded.path, recorded.request)
    assert (given.status, given.content_type) == (200, recorded.reply.content_type)
    for index in (0, -1):
        assert differences(recorded.reply.bodies[index], given.bodies[index]) == []
    if name in REASONS:
        assert given.bodies[-1]["done_reason"] == REASONS[name]


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_refusal_has_the_recorded_status_and_words(engine: Engine, name: str) -> None:
    recorded = Transcript.read(name, engine.model)
    given = await ask(engine.url, recorded.method, recorded.path, recorded.request)
    assert given == recorded.reply


@pytest.mark.parametrize(("option", "kind"), OPTIONS.items())
async def test_an_option_of_another_type_is_refused_in_the_recorded_words(
    engine: Engine, option: str, kind: str
) -> None:
    recorded = Transcript.read("chat_bad_option", engine.model)
    request = {**recorded.request, "options": {option: {"hot": True}}}
    given = await ask(engine.url, recorded.method, recorded.path, request)
    assert (given.status, given.content_type) == (recorded.reply.status, recorded.reply.content_type)
    assert given.bodies == [{"error": f'option "{option}" must be of type {kind}'}]


async def test_a_list_of_stop_words_that_are_no_words_is_refused(engine: Engine) -> None:
    recorded = Transcript.read("chat_bad_option", engine.model)
    given = await ask(engine.url, recorded.method, recorded.path, {**recorded.request, "options": {"stop": [1]}})
    assert (given.status, given.bodies) == (500, [{"error": 'option "stop" must be of an array of strings'}])


async def test_a_part_of_a_whole_number_is_dropped_and_unknown_options_are_passed_over(model_engine: Engine) -> None:
    recorded = Transcript.read("chat_bad_option", model_engine.model)
    options = {"num_ctx": 512.7, "top_k": 5.5, "seed": 1.5, "num_predict": 2.9, "temperature": None, "mirostat": "no"}
    given = await ask(model_engine.url, recorded.method, recorded.path, {**recorded.request, "options": options})
    assert given.status == 200
    assert given.bodies[0]["eval_count"] <= 2


@pytest.mark.parametrize(
    ("path", "request_body"),
    [("/api/chat", {}), ("/api/generate", {}), ("/api/generate", {"prompt": "hi"}), ("/api/embed", {"input": "hi"})],
)
async def test_options_are_looked_at_wherever_a_model_is_loaded(
    model_engine: Engine, path: str, request_body: dict[str, str]
) -> None:
    recorded = Transcript.read("chat_bad_option", model_engine.model)
    asked = {"model": model_engine.model, "options": recorded.request["options"], **request_body}
    assert await ask(model_engine.url, "POST", path, asked) == recorded.reply


async def test_a_loaded_model_is_told_in_the_recorded_shape(engine: Engine) -> None:
    await ask(engine.url, "POST", "/api/chat", {"model": engine.model, "keep_alive": "5m"})
    recorded = Transcript.read("ps_loaded", engine.model)
    given = await ask(engine.url, "GET", "/api/ps")
    assert (given.status, given.content_type) == (200, recorded.reply.content_type)
    assert differences(recorded.reply.bodies, given.bodies) == []
    assert [model["name"].removesuffix(":latest") for model in given.bodies[0]["models"]] == [engine.model]


async def test_nothing_is_resident_once_the_model_is_unloaded(engine: Engine) -> None:
    await ask(engine.url, "POST", "/api/chat", {"model": engine.model, "keep_alive": 0})
    recorded = Transcript.read("ps_after_unload", engine.model)

    async def nothing_is() -> bool:
        return await ask(engine.url, "GET", "/api/ps") == recorded.reply

    await eventually(nothing_is)


async def test_thinking_is_refused_by_a_model_that_does_not_think(engine: Engine) -> None:
    recorded = Transcript.read("chat_think_unsupported", engine.model)
    given = await ask(engine.url, recorded.method, recorded.path, recorded.request)
    assert given.status == recorded.reply.status
    assert given.bodies[0]["error"].endswith("does not support thinking")


async def test_tools_are_refused_by_a_model_without_them_and_called_by_one_that_has_them(engine: Engine) -> None:
    recorded = Transcript.read("toolcall_stream" if engine.tools else "chat_tools_unsupported", engine.model)
    asked = {**recorded.request, "model": engine.model}
    given = await ask(engine.url, recorded.method, recorded.path, asked)
    assert given.status == recorded.reply.status
    if not engine.tools:
        assert given.bodies[0]["error"].endswith("does not support tools")
        return
    calls, end = given.bodies
    assert differences(recorded.reply.bodies[0], calls) == []
    assert differences(recorded.reply.bodies[-1], end) == []
    assert calls["message"] == recorded.reply.bodies[0]["message"]


async def test_a_web_page_cannot_use_the_engine(engine: Engine) -> None:
    async with (
        aiohttp.ClientSession(headers={"Origin": "https://elsewhere.example"}) as session,
        session.post(f"{engine.url}/api/chat", json={"model": engine.model}) as response,
    ):
        assert response.status == 403


async def test_a_pull_that_fails_says_so_in_its_stream(engine: Engine) -> None:
    recorded = Transcript.read("pull_no_network", engine.model)
    given = await ask(engine.url, recorded.method, recorded.path, recorded.request)
    assert (given.status, given.content_type) == (200, recorded.reply.content_type)
    assert given.bodies[0] == recorded.reply.bodies[0]
    assert given.bodies[-1]["error"].startswith("pull model manifest: ")
