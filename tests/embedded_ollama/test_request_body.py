"""What a client sends is understood, or refused in Ollama's words; nothing a client sends is an accident of ours."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mdsa_server.embedded_ollama.application import application, serve
from mdsa_server.embedded_ollama.request_body import OPTIONS, check_format, check_options, read_body
from mdsa_server.embedded_ollama.wire import Refused, reply
from mdsa_server.vocabulary.model_options import OPTIONS as KNOWN_OPTIONS

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    ["model", "messages", "prompt", "stream", "options", "tools", "format", "think", "keep_alive", "input", "raw"]
)


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async def understand(request: web.Request) -> web.Response:
        asked = await read_body(request)
        check_options(asked.options)
        check_format(asked.format)
        return reply({"model": asked.model})

    runner, url = await serve(application([web.post("/api/chat", understand)]), "127.0.0.1", 0)
    yield url
    await runner.cleanup()


async def send(url: str, body: bytes) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.post(f"{url}/api/chat", data=body) as response:
        return response.status, json.loads(await response.text())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "unexpected EOF"),
        (b'{"model": "m"', "unexpected EOF"),
        (b'{"model": m}', "invalid character 'm' looking for beginning of value"),
        (b'{"model": NaN}', "invalid character 'N' looking for beginning of value"),
        (b"\xff", "not UTF-8"),
        (b"[]", "json: cannot unmarshal array into Go value of type api.ChatRequest"),
        (b'{"model": 5}', "json: cannot unmarshal number into Go struct field ChatRequest.model of type string"),
        (b'{"model": "m", "stream": "no"}', "json: cannot unmarshal string into Go struct field ChatRequest.stream"),
        (b'{"model": "m", "messages": ["hi"]}', "json: cannot unmarshal string"),
        (b'{"model": "m", "messages": [{"content": ["hi"]}]}', "json: cannot unmarshal array"),
        (b'{"model": "m", "tools": [{"function": "clock"}]}', "json: cannot unmarshal string"),
        (b'{"model": "m", "keep_alive": "soon"}', 'time: invalid duration "soon"'),
    ],
)
async def test_a_body_that_cannot_be_understood_is_refused_with_the_reason(url: str, body: bytes, words: str) -> None:
    status, answer = await send(url, body)
    assert status == 400
    assert words in answer["error"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.dictionaries(FIELDS, JSON_VALUES, max_size=4))
async def test_any_object_is_understood_or_refused(url: str, body: dict[str, Any]) -> None:
    status, answer = await send(url, json.dumps({"model": "m", **body}).encode())
    assert (status == 200) == ("model" in answer)
    assert status in (200, 400, 500)
    assert "Error" not in answer.get("error", "")  # An exception of ours would tell its name.


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 1},
        {"temperature": 0.5},
        {"num_ctx": 4096.0},
        {"num_ctx": 0.5},
        {"use_mmap": False},
        {"stop": ["a"]},
        {"seed": None},
        {"unknown": []},
    ],
)
def test_options_of_their_type_pass(options: dict[str, Any]) -> None:
    check_options(options)


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("temperature", "hot", "float32"),
        ("temperature", True, "float32"),
        ("num_ctx", "4096", "integer"),
        ("num_ctx", float("inf"), "integer"),
        ("num_ctx", 10**400, "integer"),
        ("use_mmap", 1, "boolean"),
        ("stop", "a", "array"),
    ],
)
def test_options_of_another_type_are_named(name: str, value: object, kind: str) -> None:
    with pytest.raises(Refused, match=f'option "{name}" must be of type {kind}') as caught:
        check_options({name: value})
    assert caught.value.status == 500


def test_options_have_the_types_that_a_configuration_may_give_them() -> None:
    kinds = {"integer": int, "float32": float, "boolean": bool, "array": list[str]}
    assert {name: kinds[kind] for name, kind in OPTIONS.items()}.items() <= KNOWN_OPTIONS.items()


@pytest.mark.parametrize(
    "format", [None, "", "json", {}, {"type": "object", "properties": {"a": {"type": ["string", "null"]}}}]
)
def test_json_and_schemas_are_formats(format: object) -> None:
    check_format(format)


@pytest.mark.parametrize("format", ["yaml", 5, [], {"type": "nonsense"}, {"properties": {"a": {"type": "text"}}}])
def test_other_formats_are_refused(format: object) -> None:
    with pytest.raises(Refused, match="format"):
        check_format(format)
