"""The audit log: every route that changes what the server does or keeps is in it, by the application's own routes."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from litestar import Litestar
from litestar.handlers.http_handlers.base import HTTPRouteHandler
from litestar.routes import HTTPRoute
from structlog.testing import capture_logs

from mdsa_server.vocabulary.access import SCOPES, Scope
from mdsa_server.vocabulary.audit import AuditEntry
from mdsa_server.web import audit, rates
from mdsa_server.web.audit import operation_of
from mdsa_server.web.rooms import Rooms
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, make_settings, running

NOBODYS = "01890a5d-ac96-774b-bcce-b302099a8057"
SAFE = {"GET", "HEAD", "OPTIONS"}


class Route(NamedTuple):
    method: str
    path: str
    scope: str
    handler: HTTPRouteHandler


def routes(app: Litestar) -> Iterator[Route]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            path = re.sub(r"{[^}]*}", NOBODYS, route.path)
            for handler in route.route_handlers:
                for method in handler.http_methods - {"OPTIONS"}:
                    yield Route(str(method), path, str(handler.opt.get("scope")), handler)


async def a_key(rooms: Rooms, *scopes: Scope) -> tuple[str, dict[str, str]]:
    key, secret = await rooms.doorkeeper.keys.create(f"key of {' and '.join(scopes)}", scopes)
    return key.id, {"Authorization": f"Bearer {secret}"}


async def newest(rooms: Rooms) -> AuditEntry | None:
    found = await rooms.audit.find(limit=1)
    return found[0] if found else None


async def unrecorded(server: RunningServer, asked: list[Route], headers: dict[str, str], who: str | None) -> list[str]:
    """Ask for each route; name those of which no entry says who did what, and how it was answered."""
    rooms: Rooms = server.app.state.rooms
    missing = []
    for route in asked:
        before = await newest(rooms)
        answer = await server.client.request(route.method, route.path, headers=headers)
        entry = await newest(rooms)
        told = (entry.key, entry.operation, entry.status) if entry and entry != before else None
        if told != (who, operation_of(route.handler), answer.status_code):
            missing.append(f"{route.method} {route.path}: {told}, {answer.status_code}")
    return missing


async def test_every_write_but_those_of_conversing_is_recorded(server: RunningServer) -> None:
    rooms: Rooms = server.app.state.rooms
    who, headers = await a_key(rooms, *SCOPES)
    writes = [route for route in routes(server.app) if route.method not in SAFE and route.scope != "chat"]
    signing = [route for route in writes if route.scope == "public"]
    searching = [route for route in writes if route.handler.operation_id == "Search"]
    assert {operation_of(route.handler) for route in signing} == {"sign in", "sign out", "sign out everywhere"}
    assert len(writes) > 30
    rest = [route for route in writes if route not in signing and route not in searching]
    assert await unrecorded(server, rest, headers, who) == []
    # It writes nothing: its words are too long for an address.
    assert len(await unrecorded(server, searching, headers, who)) == len(searching) == 1


async def test_every_refused_attempt_at_what_is_for_admins_is_recorded(server: RunningServer) -> None:
    rooms: Rooms = server.app.state.rooms
    who, headers = await a_key(rooms, "chat", "documents", "monitor")
    for_admins = [route for route in routes(server.app) if route.scope == "admin"]
    assert await unrecorded(server, for_admins, headers, who) == []
    assert await unrecorded(server, for_admins, {}, None) == []
    assert all(entry.refused for entry in await rooms.audit.find(limit=200))
    assert await rooms.audit.callers() == ["key of chat and documents and monitor", "unknown"]


async def test_what_is_recorded_has_a_name_of_its_own_and_the_same_on_pages_and_in_the_api(
    server: RunningServer,
) -> None:
    named = [route for route in routes(server.app) if route.scope == "admin" or route.method not in SAFE]
    bare = [route.path for route in named if route.scope != "chat" and not isinstance(route.handler.operation_id, str)]
    assert bare == []


async def test_conversing_and_reading_leave_no_entry(server: RunningServer) -> None:
    await server.client.post("/api/chat", json={"message": "hello"})
    for path in ("/configuration", "/plugins", "/api/keys", "/audit", "/api/audit"):
        assert (await server.client.get(path)).status_code == 200
    assert await newest(server.app.state.rooms) is None


async def test_an_entry_says_who_did_what_to_what_from_where(server: RunningServer) -> None:
    await server.client.post("/api/plugins/clock/disable")
    by_machine = (await server.client.get("/api/audit")).json()["entries"][0]
    del by_machine["at"], by_machine["sequence"]
    assert by_machine == {
        "key": None,
        "who": "this machine",
        "address": "127.0.0.1",
        "operation": "disable plugin",
        "parameters": {"name": "clock"},
        "status": 200,
        "refused": False,
    }


async def test_an_entry_of_a_key_that_was_made_says_which(server: RunningServer) -> None:
    made = (await server.client.post("/api/keys", json={"name": "laptop", "scopes": ["admin"]})).json()
    headers = {"Authorization": f"Bearer {made['secret']}"}
    (entry,) = (await server.client.get("/api/audit", headers=headers)).json()["entries"]
    assert (entry["operation"], entry["parameters"]) == ("create access key", {"key": made["key"]["id"]})


async def test_what_was_sent_is_in_no_entry(server: RunningServer) -> None:
    made = await server.client.post("/api/keys", json={"name": "a name that nobody else has", "scopes": ["admin"]})
    secret = made.json()["secret"]
    headers = {"Authorization": f"Bearer {secret}"}
    await server.client.post("/sign-in", data={"key": secret})
    await server.client.post("/api/tools/absent/call", json={"arguments": {"text": "to nobody"}}, headers=headers)
    told = (await server.client.get("/api/audit", headers=headers)).text
    assert [part in told for part in ("call tool", "sign in", "create access key")] == [True] * 3
    assert secret not in told
    assert "to nobody" not in told


async def test_a_backup_and_signing_in_and_out_tell_whose_key_it_was(server: RunningServer) -> None:
    rooms: Rooms = server.app.state.rooms
    key, secret = await rooms.doorkeeper.keys.create("laptop", ("admin",))
    await server.client.get("/api/backup", headers={"Authorization": f"Bearer {secret}"})
    await server.client.post("/sign-in", data={"key": secret})
    await server.client.post("/sign-out")
    await server.client.post("/sign-in", data={"key": secret})
    await server.client.post("/sign-out-everywhere")
    done = [(entry.operation, entry.key) for entry in await rooms.audit.find()]
    operations = ["sign out everywhere", "sign in", "sign out", "sign in", "take backup"]
    assert done == [(operation, key.id) for operation in operations]


async def test_signing_out_nobody_leaves_no_entry_and_showing_no_key_one_of_what_failed(server: RunningServer) -> None:
    rooms: Rooms = server.app.state.rooms
    for path in ("/sign-out", "/sign-out-everywhere"):
        assert (await server.client.post(path, headers={"Cookie": "mdsa_sign_in=made-up"})).status_code == 303
    assert await newest(rooms) is None
    for form, status in (({"nothing": "of the kind"}, 400), ({"key": "mdsa_made-up"}, 401)):
        await server.client.post("/sign-in", data=form)
        entry = await newest(rooms)
        assert entry
        assert (entry.operation, entry.status, entry.came_to_nothing) == ("sign in", status, True)


async def test_nothing_that_comes_to_nothing_pushes_out_what_was_done(
    tmp_path: Path, engine: ScriptedOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "monotonic", lambda: 1000.0)
    monkeypatch.setattr(audit, "FAILURES_A_MINUTE", 6)
    settings = make_settings(tmp_path, engine=engine.url)
    few = settings.store.model_copy(update={"keep_audit": 3})
    async with running(settings.model_copy(update={"store": few})) as server:
        rooms: Rooms = server.app.state.rooms
        await server.client.post("/api/plugins/clock/disable")
        (done,) = await rooms.audit.find()
        key, headers = await a_key(rooms, "documents")
        for _ in range(4):
            await server.client.post("/sign-out")
            await server.client.post("/sign-in", data={"nothing": "of the kind"})
            missing = await server.client.delete(f"/api/documents/{NOBODYS}", headers=headers)
            assert missing.status_code == 404
            assert (await server.client.post("/api/reload")).status_code == 401
        *newer, oldest = await rooms.audit.find()
        assert oldest == done
        # So much of it may be written down within a minute: six of the key, and of the address, which were eight.
        assert [entry.key for entry in newer] == [key, None, key, None, None, key]
        assert max(entry.sequence for entry in newer) == 1 + 4 + 6


async def test_what_was_done_is_answered_as_done_whatever_becomes_of_its_entry(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: AuditEntry) -> AuditEntry:
        raise ZeroDivisionError("as a fault of ours would")

    monkeypatch.setattr(server.app.state.rooms.audit, "add", broken)
    with capture_logs() as logs:
        assert (await server.client.post("/api/plugins/clock/disable")).status_code == 200
    (told,) = [line for line in logs if line["event"] == "not in the audit log"]
    assert (told["log_level"], told["exc_info"], told["path"]) == ("error", True, "/api/plugins/clock/disable")


async def test_an_accepted_correction_is_recorded(server: RunningServer) -> None:
    turn = (await server.client.post("/api/chat", json={"message": "hello"})).json()["turn"]["id"]
    said = (await server.client.post(f"/api/turns/{turn}/correction", json={"domain": "code"})).json()["id"]
    assert (await server.client.post(f"/api/corrections/{said}/accept")).status_code == 200
    entry = await newest(server.app.state.rooms)
    assert entry
    assert (entry.operation, entry.parameters) == ("accept correction", {"correction": said})


async def test_a_write_of_another_sites_page_is_recorded_as_refused(server: RunningServer) -> None:
    await server.client.post("/api/reload", headers={"Sec-Fetch-Site": "cross-site"})
    entry = await newest(server.app.state.rooms)
    assert entry
    assert (entry.operation, entry.refused, entry.status, entry.who) == ("reload", True, 403, "unknown")
