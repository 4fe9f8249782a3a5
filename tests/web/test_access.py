"""Every route of the server, asked for by everybody who may not: the table is made of the application's own routes."""

import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from mdsa_server.vocabulary.access import SCOPES, Scope
from mdsa_server.web.auth import COOKIE, PUBLIC
from mdsa_server.web.rooms import Rooms
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, make_settings, running

# What nobody has: each path's own parameter is filled with it.
NOBODYS = "01890a5d-ac96-774b-bcce-b302099a8057"


class Door(NamedTuple):
    method: str
    path: str
    scope: str


@pytest.fixture
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    limits = {"requests_per_minute": 1_000_000}
    async with running(make_settings(tmp_path, engine=engine.url, limits=limits)) as server:
        yield server


def doors(app: Litestar) -> Iterator[Door]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            path = re.sub(r"{[^}]*}", lambda named: "1" if named[0].endswith(":int}") else NOBODYS, route.path)
            for handler in route.route_handlers:
                for method in handler.http_methods - {"OPTIONS"}:
                    yield Door(str(method), path, str(handler.opt.get("scope")))


async def a_key(rooms: Rooms, *scopes: Scope, expired: bool = False, revoked: bool = False) -> str:
    expires = datetime.now(UTC) - timedelta(seconds=1) if expired else None
    key, secret = await rooms.doorkeeper.keys.create("test", scopes, expires=expires)
    if revoked:
        await rooms.doorkeeper.keys.revoke(key.id, rooms.doorkeeper.sign_ins)
    return secret


async def test_every_route_declares_a_scope_that_there_is(server: RunningServer) -> None:
    assert [door for door in doors(server.app) if door.scope not in (PUBLIC, *SCOPES)] == []


async def test_only_what_anybody_may_see_is_public(server: RunningServer) -> None:
    public = {door.path for door in doors(server.app) if door.scope == PUBLIC}
    assert {re.sub(r"^(/static|/schema)/.*", r"\1", path) for path in public} == {
        "/health/live",
        "/health/ready",
        "/schema",
        "/sign-in",
        "/sign-out",
        "/sign-out-everywhere",
        "/static",
    }


async def test_no_route_opens_to_who_has_no_key_or_one_that_opens_nothing(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mdsa_server.web.auth.WRONG_KEYS_A_MINUTE", 10_000)
    rooms: Rooms = server.app.state.rooms
    await a_key(rooms, "chat")
    expired, revoked = await a_key(rooms, *SCOPES, expired=True), await a_key(rooms, *SCOPES, revoked=True)
    strangers = {
        "no key": {},
        "nonsense": {"Authorization": "Bearer mdsa_nonsense"},
        "expired": {"Authorization": f"Bearer {expired}"},
        "revoked": {"Authorization": f"Bearer {revoked}"},
        "no browser that signed in": {"Cookie": f"{COOKIE}=nonsense"},
    }
    let_in = []
    for door in doors(server.app):
        if door.scope == PUBLIC:
            continue
        for who, headers in strangers.items():
            answer = await server.client.request(door.method, door.path, headers=headers)
            if answer.status_code != 401:
                let_in.append((door, who, answer.status_code))
    assert let_in == []


async def test_no_route_opens_to_a_key_of_every_other_scope(server: RunningServer) -> None:
    rooms: Rooms = server.app.state.rooms
    without = {scope: await a_key(rooms, *(other for other in SCOPES if other != scope)) for scope in SCOPES}
    let_in = []
    for door in doors(server.app):
        if door.scope == PUBLIC:
            continue
        headers = {"Authorization": f"Bearer {without[door.scope]}"}  # type: ignore[index]  # a scope, as tested above
        answer = await server.client.request(door.method, door.path, headers=headers)
        if answer.status_code != 403:
            let_in.append((door, answer.status_code))
    assert let_in == []
