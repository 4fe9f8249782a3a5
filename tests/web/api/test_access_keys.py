"""Access keys over REST: from the first one on, every caller needs one, and each opens what it is for."""

import asyncio
from pathlib import Path

import httpx
import pytest

from mdsa_server.store.data_folder import server_of
from mdsa_server.web.rooms import Rooms
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, make_settings, running

STREAM = {"Accept": "text/event-stream"}
CHAT = {"message": "Explain this python function"}


def with_key(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


async def test_without_any_key_everybody_on_this_machine_may_call(server: RunningServer) -> None:
    assert (await server.client.get("/api/keys")).json() == []
    assert (await server.client.post("/api/chat", json=CHAT)).status_code == 200


PASSED_ON: tuple[dict[str, str], ...] = (
    {"Host": "mdsa.example.org"},
    {"X-Forwarded-For": "192.0.2.7"},
    {"X-Forwarded-Proto": "https"},
    {"X-Forwarded-Host": "mdsa.example.org"},
    {"Forwarded": "for=192.0.2.7"},
    {"Via": "1.1 example"},
    {"X-Real-IP": "192.0.2.7"},
    {"CF-Connecting-IP": "192.0.2.7"},
)


async def test_who_comes_through_a_proxy_shows_a_key_also_while_there_is_none(
    tmp_path: Path, engine: ScriptedOllama
) -> None:
    table = {"shutdown_seconds": 0.5, "allowed_hosts": ["mdsa.example.org"]}
    async with running(make_settings(tmp_path, engine=engine.url, server=table)) as server:
        assert (await server.client.get("/api/conversations")).status_code == 200
        for told in PASSED_ON:
            refused = await server.client.get("/api/conversations", headers=told)
            assert (refused.status_code, "mdsa keys create" in refused.json()["mend"]) == (401, True), told
        made = (await server.client.post("/api/keys", json={"name": "phone"})).json()
        for told in PASSED_ON:
            shown = told | with_key(made["secret"])
            assert (await server.client.get("/api/conversations", headers=shown)).status_code == 200, told


async def test_who_listens_at_another_address_of_loopback_is_asked_there_without_a_key(
    tmp_path: Path, engine: ScriptedOllama
) -> None:
    table = {"shutdown_seconds": 0.5, "host": "127.0.0.2"}
    async with running(make_settings(tmp_path, engine=engine.url, server=table)) as server:
        answer = await server.client.get("/api/conversations", headers={"Host": "127.0.0.2:8642"})
        assert answer.status_code == 200


async def test_from_the_first_key_on_a_caller_needs_one(server: RunningServer) -> None:
    made = (await server.client.post("/api/keys", json={"name": "laptop"})).json()
    refused = await server.client.get("/api/conversations")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert refused.json()["code"] == "key-needed"
    assert (await server.client.get("/health/live")).status_code == 200

    allowed = await server.client.get("/api/conversations", headers=with_key(made["secret"]))
    assert allowed.status_code == 200
    wrong = await server.client.get("/api/metrics", headers=with_key(made["secret"]))
    assert (wrong.status_code, wrong.json()["code"]) == (403, "scope-missing")


@pytest.mark.parametrize("given", ["Bearer nonsense", "Bearer", "Basic bWU6bWU=", "Bearer " + "x" * 5000, "mdsa_"])
async def test_what_is_no_key_opens_nothing(server: RunningServer, given: str) -> None:
    refused = await server.client.get("/api/conversations", headers={"Authorization": given})
    assert (refused.status_code, refused.json()["code"]) == (401, "key-refused")


async def test_conversations_belong_to_their_key(server: RunningServer) -> None:
    admin = (await server.client.post("/api/keys", json={"name": "admin", "scopes": ["chat", "admin"]})).json()
    other = await server.client.post("/api/keys", json={"name": "other"}, headers=with_key(admin["secret"]))
    mine, theirs = with_key(admin["secret"]), with_key(other.json()["secret"])
    turn = (await server.client.post("/api/chat", json=CHAT, headers=mine)).json()["turn"]
    for path in (f"/api/conversations/{turn['conversation']}", f"/api/turns/{turn['id']}"):
        assert (await server.client.get(path, headers=mine)).status_code == 200
        assert (await server.client.get(path, headers=theirs)).status_code == 404


async def test_a_revoked_key_and_a_former_secret_open_nothing(server: RunningServer) -> None:
    admin = (await server.client.post("/api/keys", json={"name": "admin", "scopes": ["chat", "admin"]})).json()
    mine = with_key(admin["secret"])
    guest = (await server.client.post("/api/keys", json={"name": "guest"}, headers=mine)).json()
    path = f"/api/keys/{guest['key']['id']}"
    rotated = (await server.client.post(f"{path}/rotate", headers=mine)).json()
    assert await _status(server.client, guest["secret"]) == 401
    assert await _status(server.client, rotated["secret"]) == 200
    assert (await server.client.post(f"{path}/revoke", headers=mine)).json()["revoked"]
    assert await _status(server.client, rotated["secret"]) == 401
    again = await server.client.post(f"{path}/rotate", headers=mine)
    assert (again.status_code, "was revoked" in again.json()["detail"]) == (400, True)
    assert (await server.client.post("/api/keys/none/revoke", headers=mine)).status_code == 404


async def test_a_key_is_asked_for_as_it_can_be_made(server: RunningServer) -> None:
    for body in (
        {"name": " "},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["all"]},
        {"name": "x", "days": 0},
        {"name": "x", "requests_per_minute": 2**63},
        {"name": "x", "tokens_per_minute": 2**63},
        {"name": "x\n2026-11-29 done"},
        # As the audit log calls who shows no key.
        {"name": "This machine"},
        {"name": "unknown"},
    ):
        assert (await server.client.post("/api/keys", json=body)).status_code == 400, body
    assert (await server.client.post("/api/keys", json={"name": "x", "domains": ["none"]})).status_code == 404
    assert (await server.client.get("/api/keys")).json() == []


async def test_the_terminal_of_this_machine_needs_no_key(server: RunningServer, tmp_path: Path) -> None:
    await server.client.post("/api/keys", json={"name": "laptop"})
    address = server_of(tmp_path / "data")
    assert address is not None
    assert await _status(server.client, address.secret) == 200


async def _status(client: httpx.AsyncClient, secret: str) -> int:
    return (await client.get("/api/conversations", headers=with_key(secret))).status_code


async def test_files_of_the_servers_machine_are_taken_in_by_admins_alone(server: RunningServer, tmp_path: Path) -> None:
    admin = (await server.client.post("/api/keys", json={"name": "a", "scopes": ["admin", "documents"]})).json()
    body = {"name": "b", "scopes": ["documents"]}
    other = (await server.client.post("/api/keys", json=body, headers=with_key(admin["secret"]))).json()
    wanted = {"paths": [str(tmp_path / "data" / "server.json")], "collection": "x"}
    folder = {"folder": str(tmp_path), "collection": "x"}
    for path, asked in (("/api/documents", wanted), ("/api/documents/sync", folder)):
        refused = await server.client.post(path, json=asked, headers=with_key(other["secret"]))
        assert (refused.status_code, refused.json()["code"]) == (403, "scope-missing")
    form = {"path": str(tmp_path), "collection": "x"}
    files = {"files": ("", b"")}
    page = await server.client.post("/documents", data=form, files=files, headers=with_key(other["secret"]))
    assert page.status_code == 403
    (tmp_path / "pump.md").write_text("Oil the pump.")
    taken = {"paths": [str(tmp_path / "pump.md")], "collection": "x"}
    assert (
        await server.client.post("/api/documents", json=taken, headers=with_key(admin["secret"]))
    ).status_code == 200


@pytest.mark.parametrize("change", ["revoke", "rotate"])
async def test_a_stream_ends_when_its_secret_opens_nothing_any_more(
    server: RunningServer, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mdsa_server.web.streams.HEARTBEAT_SECONDS", 0.02)
    made = (await server.client.post("/api/keys", json={"name": "watch", "scopes": ["monitor", "admin"]})).json()
    headers = with_key(made["secret"])
    async with server.client.stream("GET", "/monitor/stream?window=15m", headers=headers) as response:
        pieces = response.aiter_bytes()
        assert await anext(pieces)
        await server.client.post(f"/api/keys/{made['key']['id']}/{change}", headers=headers)
        async with asyncio.timeout(20):
            async for _ in pieces:
                pass


async def test_a_stream_that_has_nothing_to_tell_ends_too(
    server: RunningServer, engine: ScriptedOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mdsa_server.web.streams.HEARTBEAT_SECONDS", 0.02)
    gate = asyncio.Event()
    next(iter(engine.models.values())).says = ["One ", gate, "two"]
    made = (await server.client.post("/api/keys", json={"name": "a", "scopes": ["chat", "admin"]})).json()
    headers = with_key(made["secret"])
    async with server.client.stream("POST", "/api/chat", json=CHAT, headers=STREAM | headers) as response:
        lines = response.aiter_lines()
        async for line in lines:
            if line == "event: token":
                break
        rotated = (await server.client.post(f"/api/keys/{made['key']['id']}/rotate", headers=headers)).json()
        async with asyncio.timeout(20):
            assert "event: turn_finished" not in [line async for line in lines]
    # The turn is its key's, and goes on.
    gate.set()
    path = f"/api/turns/{response.headers['X-MDSA-Turn']}/events"
    told = (await server.client.get(path, headers=with_key(rotated["secret"]))).text
    assert "event: turn_finished" in told


async def test_the_turns_of_a_revoked_key_are_stopped_and_saved_as_such(
    server: RunningServer, engine: ScriptedOllama
) -> None:
    next(iter(engine.models.values())).says = ["One ", asyncio.Event(), "two"]
    admin = (await server.client.post("/api/keys", json={"name": "admin", "scopes": ["chat", "admin"]})).json()
    mine = with_key(admin["secret"])
    guest = (await server.client.post("/api/keys", json={"name": "guest"}, headers=mine)).json()
    kept = asyncio.create_task(server.client.post("/api/chat", json=CHAT, headers=mine))
    asked = [
        asyncio.create_task(server.client.post("/api/chat", json=CHAT, headers=with_key(guest["secret"])))
        for _ in range(12)
    ]
    await engine.until(lambda: len([body for body in engine.asked("/api/chat") if body["messages"]]) > 1)
    # Some of them are being saved, and some have not come yet.
    assert (await server.client.post(f"/api/keys/{guest['key']['id']}/revoke", headers=mine)).status_code == 200
    async with asyncio.timeout(20):
        answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} <= {200, 401}
    stopped = [answer.json()["turn"] for answer in answers if answer.status_code == 200]
    assert {(turn["outcome"], turn["reason"]) for turn in stopped} == {("cancelled", "cancelled")}
    rooms: Rooms = server.app.state.rooms
    assert {turn.outcome for turn in await rooms.turn_log.find(guest["key"]["id"])} == {"cancelled"}
    assert (len(rooms.live_turns), kept.done()) == (1, False)
    kept.cancel()


async def test_the_turns_of_a_key_are_stopped_also_where_it_cannot_be_written_down_that_it_is_revoked(
    server: RunningServer, engine: ScriptedOllama
) -> None:
    next(iter(engine.models.values())).says = ["One ", asyncio.Event(), "two"]
    admin = (await server.client.post("/api/keys", json={"name": "admin", "scopes": ["chat", "admin"]})).json()
    mine = with_key(admin["secret"])
    guest = (await server.client.post("/api/keys", json={"name": "guest"}, headers=mine)).json()
    asked = asyncio.create_task(server.client.post("/api/chat", json=CHAT, headers=with_key(guest["secret"])))
    await engine.until(lambda: any(body["messages"] for body in engine.asked("/api/chat")))
    rooms: Rooms = server.app.state.rooms
    fails = "create trigger fails before update of revoked on access_keys begin select raise(abort, 'as it may'); end"
    await rooms.database.write(lambda db: db.execute(fails))
    refused = await server.client.post(f"/api/keys/{guest['key']['id']}/revoke", headers=mine)
    assert (refused.status_code, await _status(server.client, guest["secret"])) == (503, 200)
    async with asyncio.timeout(20):
        assert (await asked).json()["turn"]["outcome"] == "cancelled"
