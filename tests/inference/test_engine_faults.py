"""An engine's refusals become errors that say what to do, also those that do not come to their end."""

import asyncio
import json

import pytest
from aiohttp import web

from mdsa_server.embedded_ollama.application import serve
from mdsa_server.errors import EngineBusy, EngineDied, EngineRefused, MdsaError, PromptTooLong, UnknownModel
from mdsa_server.inference.engine_faults import error_text, refusal
from mdsa_server.inference.ollama import OllamaClient


@pytest.mark.parametrize(
    ("status", "text", "kind", "mend"),
    [
        (404, 'model "m" not found, try pulling it first', UnknownModel, "mdsa models pull m"),
        (404, "model 'm' not found", UnknownModel, "mdsa models pull m"),
        (404, "404 page not found", EngineRefused, "log"),
        (503, "server busy, please try again.  maximum pending requests exceeded", EngineBusy, "again"),
        (500, 'option "temperature" must be of type float32', EngineRefused, "mdsa.toml"),
        (500, 'invalid format: "\\"yaml\\""; expected "json"', EngineRefused, "mdsa.toml"),
        (500, "llama runner process has terminated: exit status 2", EngineDied, "log"),
        (500, "model requires more system memory (9.1 GiB) than is available (3.2 GiB)", EngineRefused, "smaller"),
        (400, '"m" does not support tools', EngineRefused, "another model"),
        (401, "unauthorized", EngineRefused, "log"),
        (-1, "pull model manifest: file does not exist", EngineRefused, "name"),
    ],
)
def test_a_refusal_becomes_an_error_with_its_words_and_a_mend(
    status: int, text: str, kind: type[MdsaError], mend: str
) -> None:
    error = refusal(status, text, "m")
    assert type(error) is kind
    assert mend in error.mend
    assert text in error.detail or isinstance(error, UnknownModel)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('{"error":"no"}', "no"),
        ('{"error":{"message":"no"}}', "{'message': 'no'}"),
        ('{"detail":"no"}', '{"detail":"no"}'),
        ("<html>no</html>", "<html>no</html>"),
        ('"no"', '"no"'),
        ("x" * 5000, "x" * 500),
    ],
)
def test_the_words_of_an_error_are_found_in_any_body(body: str, text: str) -> None:
    assert error_text(body) == text


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("the input length exceeds the context length", None),
        ("request (8889 tokens) exceeds the available context size (4096 tokens), try increasing it", 8889),
        ('{"error":{"code":400,"message":"request (8889 tokens) exceeds the available context size"}}', 8889),
    ],
)
def test_a_prompt_that_is_too_long_is_told_with_its_length_where_the_engine_gives_it(
    text: str, tokens: int | None
) -> None:
    error = refusal(400, json.dumps({"error": text}), "m")
    assert isinstance(error, PromptTooLong)
    assert error.tokens == tokens
    assert "num_ctx" in error.mend


@pytest.mark.parametrize(("endless", "kind"), [(True, EngineRefused), (False, EngineDied)])
async def test_a_refusal_that_does_not_end_is_not_waited_for(endless: bool, kind: type[MdsaError]) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=500)
        await response.prepare(request)
        while endless:
            await response.write(b"no " * 10_000)
        await asyncio.Event().wait()
        return response

    app = web.Application()
    app.router.add_post("/api/chat", refuse)
    runner, url = await serve(app, "127.0.0.1", 0)
    client = OllamaClient(url, stall_timeout=0.2)
    with pytest.raises(kind):
        await asyncio.wait_for(anext(client.chat("m", [], options={}, keep_alive=1)), 10)
    await client.close()
    await runner.cleanup()
