"""What pages of strangers can do here, in a real browser: nothing is changed, and nothing is read."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page
from structlog.testing import capture_logs

from mdsa_server.web.auth import COOKIE
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, make_settings, running
from tests.web.api.reading import rooms_of

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PAGE = b"<!doctype html><meta charset=utf-8><title>Elsewhere</title><p>A page of somebody else."
SECRET = "pears-in-syrup"

FORM_TYPE = "application/x-www-form-urlencoded"

FETCHES: dict[str, dict[str, Any]] = {
    "/api/conversations": {},
    "/api/chat": {"method": "POST", "body": '{"message": "hi"}', "headers": {"Content-Type": "text/plain"}},
    "/api/route": {"method": "POST", "body": '{"message": "hi"}', "headers": {"Content-Type": "application/json"}},
    "/chat/turns": {"method": "POST", "body": "message=hi", "headers": {"Content-Type": FORM_TYPE}},
    "/sign-out-everywhere": {"method": "POST"},
    "/api/keys": {"method": "POST", "body": '{"name": "mine"}', "headers": {"Content-Type": "text/plain"}},
    "/monitor/stream": {},
}
EMBEDDED = [
    ("img", "/static/icons/favicon.svg"),
    ("script", "/static/app.js"),
    ("script", "/api/conversations"),
    ("link", "/static/app.css"),
]

FORMS: dict[str, dict[str, str]] = {"/chat/turns": {"message": "hi"}, "/sign-in": {"key": "x"}, "/sign-out": {}}

FETCH = """async ([address, options]) => {
  try {
    const answer = await fetch(address, options)
    return `${answer.type} ${answer.status} ${await answer.text()}`
  } catch (error) { return "refused" }
}"""
EMBED = """([tag, address]) => new Promise(done => {
  const made = document.createElement(tag)
  made.onload = () => done("loaded")
  made.onerror = () => done("refused")
  if (tag === "link") made.rel = "stylesheet"
  made[tag === "link" ? "href" : "src"] = address
  document.body.append(made)
})"""
SEND_FORM = """([address, fields]) => {
  const form = document.createElement("form")
  Object.assign(form, {method: "post", action: address})
  for (const [name, value] of Object.entries(fields)) {
    const input = document.createElement("input")
    Object.assign(input, {name, value})
    form.append(input)
  }
  document.body.append(form)
  form.submit()
}"""


@asynccontextmanager
async def a_site_elsewhere() -> AsyncIterator[int]:
    """Serve one page on a port of its own."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n" + PAGE)
        await writer.drain()
        writer.close()

    site = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with site:
        yield site.sockets[0].getsockname()[1]


@pytest_asyncio.fixture(loop_scope="session")
async def elsewhere() -> AsyncIterator[int]:
    async with a_site_elsewhere() as port:
        yield port


@asynccontextmanager
async def open_page(browser: Browser, address: str, cookies: list[Any]) -> AsyncIterator[Page]:
    context: BrowserContext = await browser.new_context()
    try:
        await context.add_cookies(cookies)
        page = await context.new_page()
        await page.goto(address)
        yield page
    finally:
        await context.close()


async def signed_in(server: RunningServer) -> list[Any]:
    """Give the cookie of a browser that signed in with a key for everything."""
    _, secret = await rooms_of(server).doorkeeper.keys.create("mine", ["chat", "documents", "monitor", "admin"])
    answer = await server.client.post("/sign-in", data={"key": secret})
    server.client.cookies.clear()
    return [{"name": COOKIE, "value": answer.cookies[COOKIE], "url": server.url, "sameSite": "Lax", "httpOnly": True}]


async def standing(server: RunningServer) -> tuple[object, ...]:
    """Tell all that a stranger might have changed."""
    rooms = rooms_of(server)
    keys = rooms.doorkeeper.keys.all()
    owners = ["local", *(key.id for key in keys)]
    turns = [turn.id for owner in owners for turn in await rooms.turn_log.find(owner)]
    return turns, [key.id for key in keys], await rooms.library.documents.collections(), len(rooms.live_turns)


@pytest.mark.parametrize("host", ["elsewhere.test", "127.0.0.1"])
@pytest.mark.parametrize("signs_in", [False, True])
async def test_a_page_of_another_origin_changes_nothing_and_reads_nothing(
    browser: Browser, server: RunningServer, elsewhere: int, host: str, signs_in: bool
) -> None:
    """Of another site, and of the same one with another port, to which a browser sends the cookie."""
    cookies = await signed_in(server) if signs_in else []
    owner = rooms_of(server).doorkeeper.keys.all()[0].id if signs_in else "local"
    await rooms_of(server).conversations.begin_turn(owner, None, SECRET)
    before = await standing(server)
    with capture_logs() as logged:
        async with open_page(browser, f"http://{host}:{elsewhere}/", cookies) as page:
            for path, options in FETCHES.items():
                for mode in ("cors", "no-cors"):
                    asked = options | {"mode": mode, "credentials": "include"}
                    assert await page.evaluate(FETCH, [f"{server.url}{path}", asked]) == "refused", (path, mode)
            for tag, path in EMBEDDED:
                assert await page.evaluate(EMBED, [tag, f"{server.url}{path}"]) == "refused", (tag, path)
            await page.evaluate(EMBED, ["iframe", f"{server.url}/chat"])
            await page.frames[1].wait_for_url("chrome-error:**")
            assert SECRET not in await page.frames[1].content()
            for path, fields in FORMS.items():
                await page.goto(f"http://{host}:{elsewhere}/")
                async with page.expect_navigation(url=f"{server.url}{path}"):
                    await page.evaluate(SEND_FORM, [f"{server.url}{path}", fields])
                assert "comes from another site" in await page.content(), path
            # And whoever reads our own pages in the same browser is still who they were.
            await page.goto(f"{server.url}/chat")
            assert SECRET in await page.content()
    written = [(line["path"], line["status"]) for line in logged if line.get("method") == "POST"]
    # It was refused here, and not only kept from the page that sent it.
    assert {path for path, _ in written} == {path for path, options in FETCHES.items() if options} | FORMS.keys()
    assert {status for _, status in written} == {403}
    assert await standing(server) == before


async def test_a_name_that_was_made_to_point_here_opens_nothing(browser: Browser, server: RunningServer) -> None:
    await rooms_of(server).conversations.begin_turn("local", None, SECRET)
    before = await standing(server)
    rebound = server.url.replace("127.0.0.1", "rebound.test")
    async with open_page(browser, f"{rebound}/", []) as page:
        assert "not known by that name" in await page.content()
        for path, options in FETCHES.items():
            told = await page.evaluate(FETCH, [f"{rebound}{path}", options])
            assert told.startswith("basic 403 "), (path, told)
            assert ("rebound.test" in told, SECRET in told) == (True, False), path
    assert await standing(server) == before


async def test_a_page_of_an_origin_that_was_named_reads_with_a_key_and_without_one_nothing(
    browser: Browser, tmp_path: Path, engine: ScriptedOllama, elsewhere: int
) -> None:
    origin = f"http://127.0.0.1:{elsewhere}"
    table = {"shutdown_seconds": 0.5, "cors_origins": [origin]}
    async with running(make_settings(tmp_path, engine=engine.url, server=table)) as server:
        cookies = await signed_in(server)
        key, secret = await rooms_of(server).doorkeeper.keys.create("app", ["chat"])
        await rooms_of(server).conversations.begin_turn(key.id, None, SECRET)
        async with open_page(browser, origin, cookies) as page:
            for shown, told in (({"Authorization": f"Bearer {secret}"}, f"cors 200 .*{SECRET}"), ({}, "cors 401 ")):
                asked = {"headers": shown, "credentials": "same-origin"}
                answer = await page.evaluate(FETCH, [f"{server.url}/api/conversations", asked])
                assert re.match(told, answer, re.DOTALL), answer
            # A browser does not hand over what was asked for with cookies.
            asked = {"headers": {"Authorization": f"Bearer {secret}"}, "credentials": "include"}
            assert await page.evaluate(FETCH, [f"{server.url}/api/conversations", asked]) == "refused"


async def test_under_a_name_that_a_browser_does_not_trust_origins_tell_our_pages_from_others(
    browser: Browser, tmp_path: Path, engine: ScriptedOllama, elsewhere: int
) -> None:
    """Browsers say Sec-Fetch-Site to loopback and over TLS alone."""
    table = {"shutdown_seconds": 0.5, "allowed_hosts": ["named.test"]}
    async with running(make_settings(tmp_path, engine=engine.url, server=table)) as server:
        _, secret = await rooms_of(server).doorkeeper.keys.create("mine", ["chat"])
        named = server.url.replace("127.0.0.1", "named.test")
        async with open_page(browser, f"{named}/sign-in?to=/chat", []) as page:
            await page.get_by_label("Access key").fill(secret)
            async with page.expect_request(f"{named}/sign-in") as sent:
                await page.keyboard.press("Enter")
            assert "sec-fetch-site" not in await (await sent.value).all_headers()
            await page.wait_for_url(f"{named}/chat")
            asked = FETCHES["/api/route"]
            assert (await page.evaluate(FETCH, [f"{named}/api/route", asked])).startswith("basic 200")
            for path, fields in FORMS.items():
                await page.goto(f"http://elsewhere.test:{elsewhere}/")
                async with page.expect_navigation(url=f"{named}{path}"):
                    await page.evaluate(SEND_FORM, [f"{named}{path}", fields])
                assert "comes from another site" in await page.content(), path
            await page.goto(f"{named}/chat")
            assert page.url == f"{named}/chat"
