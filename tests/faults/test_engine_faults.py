"""Whatever an engine does in the middle, the turn ends in a clear word, what came is kept, and the next is answered."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from mdsa_server.errors import EngineUnreachable
from mdsa_server.inference import bounded_answers, chat_lines
from mdsa_server.inference.ollama import OllamaClient
from mdsa_server.web.model_table import model_rows
from tests.fakes.script import DIES, HANGS, STOPS_SHORT, Breaks, ScriptedModel, Sends, Step
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.faults.listening import Held, until
from tests.serving import RunningServer, make_settings, running
from tests.web.api.reading import ask, rooms_of

GARBAGE = [
    b'{"message": {"content": "half',
    b"nonsense\n",
    b"null\n",
    b"[]\n",
    b'"text"\n',
    b"5\n",
    b'{"message": {"content": 5}}\n',
    b'{"message": []}\n',
    b'{"message": {"content": null}}\n',
    b'{"message": {"tool_calls": [5]}}\n',
    b'{"done": "yes"}\n',
    b'{"done": true, "eval_count": "many"}\n',
    b'{"done": true, "eval_count": 1e999}\n',
    b'{"done": true, "eval_count": 123456789012345678901234567890}\n',
    b'{"error": {"message": "no"}}\n',
    b'{"message": {"content": "\\ud800"}}\n',
    b'{"message": {"content": "\xff\xfe"}}\n',
    b"\x00\x01\x02\n",
    b"[" * 100_000 + b"\n",
    b'{"more": ' + b"[" * 100_000 + b"\n",
]
FAULTS: list[Sequence[Step]] = [[DIES], [STOPS_SHORT], [Breaks("out of memory")], *([Sends(one)] for one in GARBAGE)]


async def failed(server: RunningServer) -> dict[str, str]:
    """Ask, and see that the turn failed as one whose engine did, and that what had come is kept."""
    response = await server.client.post("/api/chat", json={"message": "precious words"})
    problem: dict[str, str] = response.json()
    assert (response.status_code, problem["code"]) == (502, "engine-died"), problem
    assert problem["mend"]
    turn = (await server.client.get(f"/api/turns/{response.headers['X-MDSA-Turn']}")).json()
    assert (turn["outcome"], turn["message"], turn["answer"]) == ("failed", "precious words", "Half")
    return problem


async def test_each_fault_in_the_middle_ends_its_turn_alone_and_leaves_nothing_behind(
    tmp_path: Path, engine: ScriptedOllama, model: ScriptedModel
) -> None:
    async with running(make_settings(tmp_path, engine=engine.url)) as server:
        held: list[Held] = []
        for faults in (FAULTS[:2], FAULTS):
            for fault in faults:
                model.says = ["Half", *fault]
                await failed(server)
                model.says = ["Whole."]
                assert (await ask(server.client, "and now?"))["answer"] == "Whole."
            held.append(Held.now())
        await held[0].no_more()
        assert len(rooms_of(server).live_turns) == 0
        (row,) = await model_rows(rooms_of(server).engine, rooms_of(server).keeper)
        assert row.use.in_use == 0
        assert rooms_of(server).keeper.waiting() == ()


async def test_an_answer_without_end_is_ended(
    tmp_path: Path, engine: ScriptedOllama, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_lines, "LONGEST_ANSWER", 200_000)
    model.says = ["Half", Sends(b'{"message": {}}\n' * 20_000), HANGS]
    async with running(make_settings(tmp_path, engine=engine.url)) as server:
        assert "without coming to its end" in (await failed(server))["detail"]


async def test_a_table_without_end_is_not_read_to_its_end(
    engine: ScriptedOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = OllamaClient(engine.url)
    engine.garbled = {"/api/tags": b'{"models": []' + b" " * 100_000 + b"}"}
    assert await client.installed() == ()
    monkeypatch.setattr(bounded_answers, "LARGEST_ANSWER", 50_000)
    with pytest.raises(EngineUnreachable, match="does not speak as Ollama does"):
        await client.installed()
    await client.close()


async def test_a_download_may_tell_of_itself_for_as_long_as_it_takes_and_a_line_without_end_is_not_read_to_its_end(
    engine: ScriptedOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_answers, "LARGEST_ANSWER", 100_000)
    client = OllamaClient(engine.url)
    engine.garbled = {"/api/pull": b'{"status": "pulling"}\n' * 10_000}
    assert len([step async for step in client.pull("two:1b")]) == 10_000
    engine.garbled = {"/api/pull": b'{"status": "pulling"}\n' + b" " * 300_000}
    with pytest.raises(EngineUnreachable, match="does not speak as Ollama does"):
        _ = [step async for step in client.pull("two:1b")]
    await client.close()


async def test_an_engine_that_is_stuck_is_told_as_that_and_others_are_answered_meanwhile(
    tmp_path: Path, engine: ScriptedOllama, model: ScriptedModel
) -> None:
    model.says = lambda asked: ["Half", HANGS] if "precious" in str(asked.messages[-1]) else ["Whole."]
    settings = make_settings(tmp_path, engine=engine.url)
    impatient = settings.engine.model_copy(update={"stall_timeout": 0.5})
    async with running(settings.model_copy(update={"engine": impatient})) as server:
        stuck = asyncio.create_task(failed(server))
        await engine.until(lambda: bool(engine.asked("/api/chat")))
        assert (await ask(server.client, "and now?"))["answer"] == "Whole."
        assert "said nothing for too long" in (await stuck)["detail"]
        await until(lambda: engine.cut == 1)


async def test_an_engine_that_tells_garbage_of_itself_is_no_engine_until_it_is_one_again(
    tmp_path: Path, engine: ScriptedOllama
) -> None:
    client = OllamaClient(engine.url)
    async with running(make_settings(tmp_path, engine=engine.url)) as server:
        for garbage in (b"", b"nonsense", b"null", b"[1]", b"5", b'{"models": 5}', b'{"models": [null]}'):
            engine.garbled = dict.fromkeys(("/api/tags", "/api/ps", "/api/show", "/api/version"), garbage)
            for asked in (client.installed, client.resident, client.version):
                with pytest.raises(EngineUnreachable, match="does not speak as Ollama does"):
                    await asked()
            assert (await server.client.post("/api/chat", json={"message": "hello"})).status_code in (200, 503)
            for page in ("/monitor", "/api/models", "/api/metrics", "/health/ready"):
                assert (await server.client.get(page)).status_code in (200, 503)
            engine.garbled = {}
            assert (await ask(server.client, "and now?"))["answer"] == "Hello there."
    await client.close()
