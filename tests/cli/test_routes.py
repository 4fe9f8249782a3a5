"""`mdsa routes`: what waits is listed, asked about one by one, accepted and rejected."""

import json
from collections.abc import AsyncIterator

import pytest

from mdsa_server.configuration import load, read
from tests.cli.terminal import Terminal
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.learning import PLUGIN, corrected, routed
from tests.serving import RunningServer, running

LEARNING = """
[domains.cooking]
description = "Food and recipes"
"""


@pytest.fixture
async def server(terminal: Terminal, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    (terminal.folder / "plugins").mkdir()
    (terminal.folder / "plugins" / "learning_router.py").write_text(PLUGIN, "utf-8")
    terminal.configure(engine.url, LEARNING)
    settings = terminal.folder / "mdsa.toml"
    text = settings.read_text("utf-8").replace('routers = ["keyword_router"]', 'routers = ["learning_router"]')
    settings.write_text(text.replace("[plugin_host]", '[plugin_host]\ndirectories = ["plugins"]'), "utf-8")
    configured = load(None, {}, terminal.folder).settings
    async with running(configured, reread=lambda: read(None, {}, terminal.folder)) as server:
        yield server


async def states(server: RunningServer) -> dict[str, str]:
    return {one["message"]: one["state"] for one in (await server.client.get("/api/corrections")).json()}


async def test_nothing_to_review_is_said(terminal: Terminal, server: RunningServer) -> None:
    assert (await terminal.mdsa("routes", "review")).out == "No correction waits for review.\n"


async def test_what_waits_is_listed_plainly_and_as_json(terminal: Terminal, server: RunningServer) -> None:
    said = await corrected(server.client, "lentil soup", "cooking")
    nowhere = await corrected(server.client, "sing", None)
    out = (await terminal.mdsa("routes", "review", "--list")).out
    assert f"lentil soup\n  general answered; right is cooking\n  {said['id']}\n" in out
    assert "general answered; right is none of the domains" in out
    assert json.loads((await terminal.mdsa("routes", "review", "--json")).out) == [said, nowhere]


async def test_each_correction_is_asked_about(terminal: Terminal, server: RunningServer) -> None:
    for message in ("soup", "rice", "makes worse", "bread", "cake"):
        await corrected(server.client, message, "cooking")
    done = await terminal.mdsa("routes", "review", typed="a\nwhat?\nreject\na\ns\n")
    assert done.code == 0, done.err
    assert "learning_router was right about 100% of 30 messages that it is tried on, and is now about 100%" in done.out
    assert "The routers would become worse" in done.err
    assert await states(server) == {
        "soup": "accepted",
        "rice": "rejected",
        "makes worse": "pending",
        "bread": "pending",
        "cake": "pending",
    }


async def test_one_is_accepted_by_its_id_and_rejected_again(terminal: Terminal, server: RunningServer) -> None:
    said = await corrected(server.client, "lentil soup", "cooking")
    done = await terminal.mdsa("routes", "accept", said["id"])
    assert done.out.startswith("accepted\n"), done.err
    assert await routed(server.client, "lentil soup") == "cooking"
    assert (await terminal.mdsa("routes", "reject", said["id"])).out == "rejected\n"
    assert await routed(server.client, "lentil soup") == "general"


async def test_what_makes_the_routers_worse_needs_force(terminal: Terminal, server: RunningServer) -> None:
    said = await corrected(server.client, "makes worse", "cooking")
    refused = await terminal.mdsa("routes", "accept", said["id"])
    assert refused.code == 1
    assert "--force" in refused.err
    done = await terminal.mdsa("routes", "accept", said["id"], "--force")
    assert "is now about 90%" in done.out


async def test_an_id_that_nothing_has_is_a_problem(terminal: Terminal, server: RunningServer) -> None:
    refused = await terminal.mdsa("routes", "reject", "nothing")
    assert refused.code == 1
    assert "There is no such correction" in refused.err
