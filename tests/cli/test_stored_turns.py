"""`mdsa turns`: what was sent is found again, and told with where its time went."""

import json

from tests.cli.terminal import Terminal
from tests.fakes.script import DIES, ScriptedModel
from tests.serving import RunningServer
from tests.web.api.reading import ask


async def test_turns_are_listed_newest_first_and_narrowed(
    terminal: Terminal, server: RunningServer, model: ScriptedModel
) -> None:
    for message in ("about pears", "about a python function"):
        await ask(server.client, message)
    model.says = [DIES]
    await server.client.post("/api/chat", json={"message": "about plums\nand more"})

    everything = (await terminal.mdsa("turns", "list")).out
    assert everything.index("about plums and more") < everything.index("python") < everything.index("pears")
    assert max(map(len, everything.splitlines())) <= 80
    failed = (await terminal.mdsa("turns", "list", "--outcome", "failed")).out
    assert "plums" in failed
    assert "pears" not in failed
    found = json.loads((await terminal.mdsa("turns", "list", "--query", "PY fun", "--domain", "code", "--json")).out)
    assert [turn["message"] for turn in found] == ["about a python function"]
    assert (await terminal.mdsa("turns", "list", "--query", "cherries")).out == "No turn is like that.\n"


async def test_a_turn_is_shown_as_bars(terminal: Terminal, server: RunningServer) -> None:
    turn = await ask(server.client, "hello")
    shown = await terminal.mdsa("turns", "show", turn["id"])
    kinds = [line.split()[0] for line in shown.out.splitlines()]
    assert kinds[-1] == "generate"
    assert "prompt" in kinds
    assert "█" in shown.out
    assert "in all" in shown.err
    told = json.loads((await terminal.mdsa("turns", "show", turn["id"], "--json")).out)
    assert told == (await server.client.get(f"/api/turns/{turn['id']}/trace")).json()


async def test_a_turn_that_is_not_there_is_a_problem(terminal: Terminal, server: RunningServer) -> None:
    done = await terminal.mdsa("turns", "show", "nowhere")
    assert done.code == 1
    assert "There is no such turn" in done.err
