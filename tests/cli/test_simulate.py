"""`mdsa simulate residency`: what was recorded is served again under other settings."""

import json

from tests.cli.terminal import Terminal
from tests.serving import RunningServer


async def test_the_turns_of_the_last_days_are_served_again(terminal: Terminal, server: RunningServer) -> None:
    for _ in range(2):
        await terminal.mdsa("ask", "hello")
    done = await terminal.mdsa("simulate", "residency", "--max-models", "2")
    assert done.code == 0, done.err
    assert "2 turns of 1 models, from LAST_7_DAYS" in done.out
    assert "simulated: max_models 2, lru" in done.out
    assert "No other number of places" in done.out
    assert "waits: all turns' together" in done.out


async def test_the_recommendation_names_its_pins_and_what_it_would_have_saved(terminal: Terminal) -> None:
    turns = [
        {"model": name, "context": 4096, "arrived": at, "admitted": at + 2, "ended": at + 3, "load_seconds": 2.0}
        for at, name in enumerate(["a:latest", "b:latest", "c:latest"] * 4)
    ]
    (terminal.folder / "log.json").write_text(json.dumps({"turns": turns}))
    done = await terminal.mdsa("simulate", "residency", "--log", "log.json", "--max-models", "2", "--pin", "a")
    assert "simulated: max_models 2, lru, pinned a:latest" in done.out
    assert "recommended: max_models 3, lru, pinned a:latest" in done.out
    assert "waiting than as it was" in done.out
    assert "OLLAMA_MAX_LOADED_MODELS=3" in done.out
    told = (await terminal.mdsa("simulate", "residency", "--log", "log.json", "--pin", "nobody")).err
    assert "No turn used nobody" in told
    assert "max_memory_gb" not in told
    with (terminal.folder / "mdsa.toml").open("a") as settings:
        settings.write("[residency]\nmax_memory_gb = 8.0\n")
    told = (await terminal.mdsa("simulate", "residency", "--log", "log.json")).err
    assert "max_memory_gb is left out" in told


async def test_recorded_turns_may_come_from_a_file_and_the_outcome_be_had_as_json(terminal: Terminal) -> None:
    turn = {"model": "a", "context": 4096, "arrived": 0.0, "admitted": 2.0, "ended": 3.0, "load_seconds": 2.0}
    other = turn | {"model": "b", "arrived": 10.0, "admitted": 12.0, "ended": 13.0}
    again = turn | {"arrived": 20.0, "admitted": 22.0, "ended": 23.0}
    (terminal.folder / "log.json").write_text(json.dumps({"turns": [turn, other, again]}))
    arguments = ("--log", "log.json", "--max-models", "1", "--policy", "lru", "--json")
    told = json.loads((await terminal.mdsa("simulate", "residency", *arguments)).out)
    assert (told["happened"]["loads"], told["simulated"]["loads"], told["best_cost"]["loads"]) == (3, 3, 2)


async def test_what_cannot_be_served_again_is_said(terminal: Terminal, server: RunningServer) -> None:
    for log, said in (("nowhere.json", "cannot be read"), ("mdsa.toml", "cannot be read")):
        done = await terminal.mdsa("simulate", "residency", "--log", log)
        assert done.code == 1
        assert said in done.err
    (terminal.folder / "other.json").write_text('{"a": 1}')
    assert "does not hold recorded turns" in (await terminal.mdsa("simulate", "residency", "--log", "other.json")).err
    assert "no turns" in (await terminal.mdsa("simulate", "residency")).err
    done = await terminal.mdsa("simulate", "residency", "--pin", "a", "--max-models", "1")
    assert done.code == 1
