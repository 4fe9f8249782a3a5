"""The name and password in an engine's address are shown to the engine, with every request, and to nobody else."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from mdsa_server.embedded_ollama.application import serve
from mdsa_server.embedded_ollama.wire import reply
from mdsa_server.errors import EngineUnreachable
from mdsa_server.inference.addresses import authorization, bare
from mdsa_server.inference.ollama import OllamaClient


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:11434", "http://127.0.0.1:11434"),
        ("http://me:hush@host:80/ollama", "http://host:80/ollama"),
        ("https://me:hush%40home@[::1]:1", "https://[::1]:1"),
        ("http://hush@host", "http://host"),
    ],
)
def test_an_address_is_shown_without_what_stands_before_its_host(url: str, shown: str) -> None:
    assert bare(url) == shown


def test_a_name_and_a_password_count_more_than_a_key() -> None:
    assert authorization("http://Aladdin:open%20sesame@host", "key") == {
        "Authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    }
    assert authorization("http://host", "key") == {"Authorization": "Bearer key"}
    assert authorization("http://host", None) == {}


@pytest.fixture
async def asked() -> AsyncIterator[tuple[str, list[str | None]]]:
    """An engine behind a door: its address, and what was shown to it."""
    shown: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        shown.append(request.headers.get("Authorization"))
        return reply({"version": "1", "models": []})

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", answer)
    runner, url = await serve(app, "127.0.0.1", 0)
    yield url, shown
    await runner.cleanup()


@pytest.mark.parametrize("key", [None, "key"])
async def test_every_request_shows_them_and_no_error_tells_them(
    asked: tuple[str, list[str | None]], key: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if key:
        monkeypatch.setenv("OLLAMA_API_KEY", key)
    url, shown = asked
    client = OllamaClient(url.replace("//", "//me:hush@"))
    await client.version()
    await client.installed()
    with pytest.raises(EngineUnreachable) as caught:
        await client.show("any:1b")
    assert shown == ["Basic bWU6aHVzaA=="] * 3
    assert "hush" not in str(caught.value) + caught.value.mend
    await client.close()
