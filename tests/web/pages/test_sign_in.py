"""Signing in with an access key: a page, a cookie, and the way back to where one wanted to go."""

import asyncio

import pytest

from mdsa_server.web.auth import COOKIE
from mdsa_server.web.pages.sign_in import ATTEMPTS_A_MINUTE, inside
from mdsa_server.web.rates import Rates
from tests.serving import RunningServer

BROWSER = {"Accept": "text/html"}


async def a_key(server: RunningServer, *scopes: str) -> str:
    made = await server.client.post("/api/keys", json={"name": "laptop", "scopes": scopes or ["chat", "monitor"]})
    secret: str = made.json()["secret"]
    return secret


async def signed_in(server: RunningServer, secret: str, to: str = "/chat") -> str:
    answer = await server.client.post("/sign-in", data={"key": secret, "to": to})
    assert (answer.status_code, answer.headers["location"]) == (303, to)
    cookie = answer.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=lax", "Path=/"))
    assert "Secure" not in cookie
    return cookie.split(";")[0].removeprefix(f"{COOKIE}=")


async def test_what_came_through_a_proxy_with_tls_goes_back_so_alone(server: RunningServer) -> None:
    form = {"key": await a_key(server)}
    for said, secure in (("https", True), ("https, http", True), ("http", False)):
        answer = await server.client.post("/sign-in", data=form, headers={"X-Forwarded-Proto": said})
        assert ("Secure" in answer.headers["set-cookie"]) is secure, said


async def test_the_address_that_is_written_down_is_none_that_a_request_claims(server: RunningServer) -> None:
    await a_key(server)
    told = {"X-Forwarded-For": "192.0.2.7"}
    await server.client.post("/sign-in", data={"key": "mdsa_nonsense"}, headers=told)
    entries = await server.app.state.rooms.audit.find()
    assert {entry.address for entry in entries} == {"127.0.0.1"}


async def test_no_other_site_signs_a_browser_in_or_out(server: RunningServer) -> None:
    await signed_in(server, secret := await a_key(server))
    for told in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://evil.example"}):
        for path in ("/sign-in", "/sign-out", "/sign-out-everywhere"):
            refused = await server.client.post(path, data={"key": secret}, headers=told)
            assert (refused.status_code, "set-cookie" in refused.headers) == (403, False), (told, path)
    assert (await server.client.get("/chat", headers=BROWSER)).status_code == 200


async def test_a_reader_is_sent_to_sign_in_and_back(server: RunningServer) -> None:
    secret = await a_key(server)
    sent = await server.client.get("/chat?before=1", headers=BROWSER)
    assert (sent.status_code, sent.headers["location"]) == (303, "/sign-in?to=/chat%3Fbefore%3D1")
    page = await server.client.get(sent.headers["location"], headers=BROWSER)
    assert 'value="/chat?before=1"' in page.text

    await signed_in(server, secret)
    assert (await server.client.get("/chat", headers=BROWSER)).status_code == 200
    assert "laptop" in (await server.client.get("/sign-in", headers=BROWSER)).text


@pytest.mark.parametrize(
    ("scope", "first"), [("monitor", "/monitor"), ("documents", "/documents"), ("admin", "/configuration")]
)
async def test_who_may_not_chat_begins_where_they_may(server: RunningServer, scope: str, first: str) -> None:
    secret = await a_key(server, scope)
    answer = await server.client.post("/sign-in", data={"key": secret})
    assert answer.headers["location"] == first
    assert (await server.client.get(first, headers=BROWSER)).status_code == 200
    page = (await server.client.get("/sign-in", headers=BROWSER)).text
    assert (f'href="{first}"' in page, 'href="/chat"' in page) == (True, False)
    refused = await server.client.get("/", headers=BROWSER)
    assert (refused.status_code, f'href="{first}">Go on' in refused.text) == (403, True)


async def test_a_fragment_sends_its_whole_page_to_sign_in(server: RunningServer) -> None:
    await a_key(server)
    asked = {"HX-Request": "true", "HX-Current-URL": f"{server.url}/chat"}
    answer = await server.client.get("/chat/conversations", headers=asked)
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/sign-in?to=/chat")


async def test_a_wrong_key_is_told_and_signs_nobody_in(server: RunningServer) -> None:
    await a_key(server)
    answer = await server.client.post("/sign-in", data={"key": "mdsa_nonsense"})
    assert answer.status_code == 401
    assert "There is no such" in answer.text or "there is no such" in answer.text
    assert "set-cookie" not in answer.headers


async def test_one_key_after_the_other_cannot_be_tried(server: RunningServer) -> None:
    secret = await a_key(server)
    server.app.state.rooms.doorkeeper.attempts = Rates(lambda: 0.0)
    tried = [
        (await server.client.post("/sign-in", data={"key": f"mdsa_{n}"})).status_code for n in range(ATTEMPTS_A_MINUTE)
    ]
    assert tried == [401] * ATTEMPTS_A_MINUTE
    late = await server.client.post("/sign-in", data={"key": secret})
    assert (late.status_code, "Wait" in late.text, int(late.headers["Retry-After"]) > 0) == (429, True, True)


async def test_who_signs_out_is_nobody_again(server: RunningServer) -> None:
    token = await signed_in(server, await a_key(server))
    out = await server.client.post("/sign-out")
    assert (out.status_code, out.headers["location"]) == (303, "/sign-in")
    server.client.cookies.set(COOKIE, token)
    assert (await server.client.get("/chat", headers=BROWSER)).status_code == 303


async def test_every_browser_of_a_key_can_be_signed_out(server: RunningServer) -> None:
    secret = await a_key(server)
    first = await signed_in(server, secret)
    await signed_in(server, secret)
    assert (await server.client.post("/sign-out-everywhere")).status_code == 303
    server.client.cookies.set(COOKIE, first)
    assert (await server.client.get("/chat", headers=BROWSER)).status_code == 303


@pytest.mark.parametrize("path", ["/sign-out", "/sign-out-everywhere"])
async def test_what_a_browser_follows_ends_when_it_signs_out(
    server: RunningServer, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mdsa_server.web.streams.HEARTBEAT_SECONDS", 0.02)
    await signed_in(server, await a_key(server))
    async with server.client.stream("GET", "/monitor/stream") as response:
        pieces = response.aiter_bytes()
        assert await anext(pieces)
        assert (await server.client.post(path)).status_code == 303
        async with asyncio.timeout(20):
            async for _ in pieces:
                pass


async def test_pages_lead_only_where_their_reader_may_go(server: RunningServer) -> None:
    await signed_in(server, await a_key(server, "chat"))
    for path in ("/chat", "/turns", "/tools"):
        page = (await server.client.get(path, headers=BROWSER)).text
        assert 'href="/turns"' in page, path
        assert 'href="/configuration"' not in page, path
        assert ">laptop</a>" in page, path


async def test_a_page_beyond_the_keys_scopes_is_refused(server: RunningServer) -> None:
    await signed_in(server, await a_key(server, "chat"))
    refused = await server.client.get("/tools", headers=BROWSER)
    assert (refused.status_code, "monitor" in refused.text) == (403, True)


@pytest.mark.parametrize(
    "address",
    ["//evil.example", "https://evil.example", "/\\evil.example", "", "chat", "javascript:alert(1)", "/a\nb", "//["],
)
def test_the_way_back_never_leads_elsewhere(address: str) -> None:
    assert inside(address) == "/"


@pytest.mark.parametrize("address", ["/", "/chat", "/turns?query=a&b=c", "/documents#x"])
def test_the_way_back_leads_where_one_came_from(address: str) -> None:
    assert inside(address) == address
