"""Calls of tools over REST: those that wait are told, allowed or denied, and streams tell them live as stored."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.calling import SEND, TIME, calling_settings, calls
from tests.fakes.script import Calls, ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, running
from tests.web.api.reading import ask, frames_of

Frame = tuple[int, str, dict[str, Any]]

STREAM = {"Accept": "text/event-stream"}
WRITE = {"message": "Write to Ann"}


@pytest.fixture
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    async with running(calling_settings(tmp_path, engine=engine.url)) as server:
        yield server


@pytest.fixture
def model(engine: ScriptedOllama) -> ScriptedModel:
    (model,) = engine.models.values()
    return model


async def waiting(client: httpx.AsyncClient) -> dict[str, Any]:
    """Send a message whose turn waits, and give what is answered."""
    asked = await client.post("/api/chat", json=WRITE)
    assert asked.status_code == 202, asked.text
    told: dict[str, Any] = asked.json()
    return told


async def say(client: httpx.AsyncClient, turn: str, call: str, *, approved: bool) -> httpx.Response:
    return await client.post(f"/api/turns/{turn}/approvals", json={"call": call, "approved": approved})


def joined(frames: list[Frame]) -> tuple[list[Frame], str]:
    """Part frames from the text, whose pieces are others once it is stored."""
    text = "".join(data["text"] for _, name, data in frames if name == "token")
    return [frame for frame in frames if frame[1] != "token"], text


async def until_told(client: httpx.AsyncClient, turn: str, name: str, times: int) -> None:
    """Follow a turn until it has told so many events of one name."""
    async with asyncio.timeout(10), client.stream("GET", f"/api/turns/{turn}/events", headers=STREAM) as response:
        async for line in response.aiter_lines():
            times -= line == f"event: {name}"
            if not times:
                return


async def test_a_turn_that_waits_is_answered_with_the_call_and_goes_on_after_a_yes(
    client: httpx.AsyncClient, model: ScriptedModel
) -> None:
    model.says = calls(SEND, then=("Sent.",))
    told = await waiting(client)
    (call,) = told["needs"]["calls"]
    assert (told["needs"]["kind"], call["tool"], call["arguments"]) == ("approval", "send", SEND.arguments)
    assert 100 < call["waits_until"] < 140
    path = f"/api/turns/{told['turn']}"
    assert (await client.get(path)).json()["needs"] == told["needs"]
    assert (await say(client, told["turn"], call["call"], approved=True)).status_code == 204
    await frames_of(await client.get(f"{path}/events"))
    turn = (await client.get(path)).json()
    assert (turn["outcome"], turn["answer"], turn["needs"]) == ("answered", "Sent.", None)
    (run,) = turn["tool_runs"]
    assert (run["outcome"], run["approval"], run["by"], run["waits_until"]) == ("returned", "given", "local", None)


async def test_a_turn_that_calls_what_needs_no_yes_is_answered_whole(
    client: httpx.AsyncClient, model: ScriptedModel
) -> None:
    model.says = calls(TIME)
    turn = await ask(client, "What time is it in Lisbon?")
    assert [(run["tool"], run["result"]) for run in turn["tool_runs"]] == [("time_in", "07:12 in Lisbon")]
    assert turn["ledger"]["tools"] > 0
    assert turn["ledger"]["tool_results"] > 0


async def test_of_several_calls_that_wait_each_is_answered_on_its_own(
    client: httpx.AsyncClient, model: ScriptedModel
) -> None:
    model.says = calls(Calls("send", {"to": "Ann"}), Calls("send", {"to": "Eve"}))
    told = await waiting(client)
    path = f"/api/turns/{told['turn']}"
    await until_told(client, told["turn"], "approval_asked", 2)
    needs = (await client.get(path)).json()["needs"]
    assert [call["arguments"]["to"] for call in needs["calls"]] == ["Ann", "Eve"]
    assert (await say(client, told["turn"], "2", approved=False)).status_code == 204
    await until_told(client, told["turn"], "approval_answered", 1)
    needs = (await client.get(path)).json()["needs"]
    assert [call["arguments"]["to"] for call in needs["calls"]] == ["Ann"]
    assert (await say(client, told["turn"], "1", approved=True)).status_code == 204
    await frames_of(await client.get(f"{path}/events"))
    runs = (await client.get(path)).json()["tool_runs"]
    assert [run["outcome"] for run in runs] == ["returned", "denied"]


async def test_a_call_is_answered_once_and_only_where_it_waits(client: httpx.AsyncClient, model: ScriptedModel) -> None:
    model.says = calls(SEND)
    turn = (await waiting(client))["turn"]
    unknown = await say(client, "nowhere", "1", approved=True)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown-turn")
    other = await say(client, turn, "2", approved=True)
    assert (other.status_code, other.json()["code"]) == (409, "not-asking")
    for body in ({"call": "1"}, {"call": "1", "approved": "perhaps"}, {"call": 1, "approved": True}):
        assert (await client.post(f"/api/turns/{turn}/approvals", json=body)).status_code == 400
    assert (await say(client, turn, "1", approved=False)).status_code == 204
    again = await say(client, turn, "1", approved=True)
    assert (again.status_code, again.json()["code"]) == (409, "not-asking")


async def test_streams_tell_calls_and_go_on_from_any_position_live_and_stored(
    client: httpx.AsyncClient, model: ScriptedModel
) -> None:
    model.says = calls(TIME, SEND, before="Let me see. ", then=("Sent.",))
    turn = (await waiting(client))["turn"]

    async def after(position: int) -> tuple[list[Frame], str]:
        path = f"/api/turns/{turn}/events"
        return joined(await frames_of(await client.get(path, headers={"Last-Event-ID": str(position)})))

    began, late = asyncio.create_task(after(0)), asyncio.create_task(after(4))
    assert (await say(client, turn, "2", approved=True)).status_code == 204
    frames, text = await began
    names = [name for _, name, _ in frames]
    told = [name for name in names if name.startswith(("tool", "approval"))]
    assert told[:2] == ["tool_called", "tool_called"]
    assert sorted(told[2:]) == ["approval_answered", "approval_asked", "tool_returned", "tool_returned"]
    assert (names[-1], text) == ("turn_finished", "Let me see. \n\nSent.")
    assert (await late)[0] == [frame for frame in frames if frame[0] > 4]
    for position in [0, *(position for position, _, _ in frames[:-1])]:
        stored, rest = await after(position)
        assert stored == [frame for frame in frames if frame[0] > position]
        assert text.endswith(rest)


async def test_an_export_tells_the_calls(client: httpx.AsyncClient, model: ScriptedModel) -> None:
    model.says = calls(TIME, Calls("send", {"to": "```\n# Ann"}), then=("Sent.",))
    told = await waiting(client)
    assert (await say(client, told["turn"], "2", approved=True)).status_code == 204
    await frames_of(await client.get(f"/api/turns/{told['turn']}/events"))
    path = f"/api/conversations/{told['conversation']}/export"
    assert (await client.get(path)).text.partition("## general\n\n")[2] == (
        "Tool `time_in`: returned\n\n"
        '```json\n{\n  "city": "Lisbon"\n}\n```\n\n'
        "```\n07:12 in Lisbon\n```\n\n"
        "Tool `send`: returned, allowed by local\n\n"
        '````json\n{\n  "to": "```\\n# Ann"\n}\n````\n\n'
        "````\nsent to ```\n# Ann\n````\n\n"
        "Sent.\n"
    )
    whole = (await client.get(path, params={"format": "json"})).json()
    assert [run["tool"] for run in whole["turns"][0]["tool_runs"]] == ["time_in", "send"]


async def test_a_turn_that_waits_for_a_yes_can_be_stopped(client: httpx.AsyncClient, model: ScriptedModel) -> None:
    model.says = calls(SEND)
    turn = (await waiting(client))["turn"]
    assert (await client.post(f"/api/turns/{turn}/cancel")).status_code == 202
    told = (await client.get(f"/api/turns/{turn}")).json()
    assert (told["outcome"], told["needs"], told["tool_runs"][0]["outcome"]) == ("cancelled", None, None)
    assert (await say(client, turn, "1", approved=True)).status_code == 409


async def test_the_description_tells_how_a_call_is_allowed(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/schema/openapi.json")).json()["paths"]
    assert "/approvals" in paths["/api/chat"]["post"]["description"]
    assert "calls of tools" in paths["/api/chat"]["post"]["responses"]["202"]["description"]
    (content,) = paths["/api/turns/{turn}/approvals"]["post"]["requestBody"]["content"].values()
    assert content["schema"]["examples"] == [{"call": "1", "approved": True}]
