"""Others load, unload and restart: the engine's memory is what the engine says it is."""

import asyncio

import pytest
from structlog.testing import capture_logs

from mdsa_server.errors import EngineUnreachable, ModelInUse
from mdsa_server.inference import model_mover as module
from mdsa_server.inference.residency import Limits
from mdsa_server.vocabulary.events import ModelLoading
from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.inference.keeping import A, B, C, admitted, keeper_of, kept


async def test_a_model_that_others_unloaded_is_loaded_again() -> None:
    async with kept() as it:
        await it.use(A)
        it.engine.memory.drop(it.engine.models[A])
        await it.keeper.look()
        told, _ = await it.use(A)
        assert [type(event) for event in told] == [ModelLoading]


async def test_a_model_that_others_loaded_takes_a_place_and_is_the_first_to_go() -> None:
    async with kept() as it:
        await it.use(A)
        await it.keeper.engine.client.load(C, options={}, keep_alive="5m")
        await it.keeper.look()
        await it.use(B)
        assert it.resident == {A, B}


async def test_models_that_others_loaded_a_moment_ago_are_seen_before_another_is_loaded() -> None:
    async with kept("a:1b", "b:1b", "c:1b", "d:1b") as it:
        await it.use(A)
        for other in (B, C):
            await it.keeper.engine.client.load(other, options={}, keep_alive="5m")
        await it.use("d:1b")
        assert it.resident == {A, "d:1b"}


async def test_a_model_that_was_deleted_while_in_memory_keeps_no_other_from_its_place() -> None:
    async with kept(max_models=1) as it:
        await it.use(A)
        loaded = it.engine.memory.now()[A]
        model = it.engine.models.pop(A)
        it.keeper.models_changed()
        loaded.expires = 0.0
        await it.use(B)
        assert B in it.resident
        it.engine.models[A] = model


async def test_a_model_that_others_use_is_not_said_to_be_unloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "UNLOAD_SECONDS", 0.05)
    async with kept() as it:
        await it.use(A)
        it.engine.memory.now()[A].users += 1  # Another program's request is under way.
        with pytest.raises(ModelInUse, match="stays in memory"):
            await it.keeper.unload(A)


async def test_after_a_doubt_turns_stand_in_line_while_another_model_loads() -> None:
    async with kept() as it:
        await it.use(A)
        it.engine.models[B].load_seconds = 0.5
        loading = asyncio.create_task(it.use(B))
        await asyncio.sleep(0.1)
        it.keeper.models_changed()
        async with asyncio.timeout(0.3):
            await it.use(A)
        await loading


async def test_a_model_that_went_before_its_time_is_told_in_the_log() -> None:
    async with kept() as it:
        await it.use(A)
        it.engine.memory.drop(it.engine.models[A])
        with capture_logs() as logged:
            await it.keeper.look()
    (line,) = logged
    assert (line["event"], line["log_level"], line["model"]) == ("model left memory by itself", "warning", A)
    assert "OLLAMA_MAX_LOADED_MODELS" in line["mend"]


async def test_a_model_that_others_loaded_otherwise_is_loaded_as_it_was_asked_for() -> None:
    async with kept() as it:
        await it.keeper.engine.client.load(A, options={"num_ctx": 8192}, keep_alive="5m")
        _, context = await it.use(A)
        assert context == it.engine.memory.now()[A].context == 4096


async def test_an_engine_that_was_started_anew_is_looked_at_again() -> None:
    async with kept() as it:
        await it.use(A)
        await it.engine.stop()
        it.engine.memory.drop(it.engine.models[A])
        with pytest.raises(EngineUnreachable):
            await it.ask(A)
        await it.engine.start()
        told, _ = await it.use(A)
        assert [type(event) for event in told] == [ModelLoading]


async def test_a_model_that_stays_in_memory_because_others_use_it_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "UNLOAD_SECONDS", 0.05)
    async with kept(max_models=2) as it:
        await it.use(A)
        await it.use(B)
        held = it.engine.memory.now()[A]
        held.users += 1  # Another program's request is under way.
        await it.use(C)
        assert it.resident == {A, C}


async def test_a_lease_on_an_engine_that_is_another_by_now_takes_nothing_from_the_new_one() -> None:
    async with ScriptedOllama(ScriptedModel(name=A)) as first, ScriptedOllama(ScriptedModel(name=A)) as second:
        addresses = [first.url]
        async with keeper_of(addresses, Limits(max_models=1, max_wait=5.0, max_running=9)) as keeper:
            async with keeper.lease([A], {}) as old:
                await admitted(old)
                await first.stop()
                addresses.append(second.url)
                assert (await keeper.engine.find()).url == second.url
                async with keeper.lease([A], {}) as new:
                    await admitted(new)
                    assert second.memory.loads == [A]
                    assert (await keeper.uses([A]))[A].in_use == 1
                assert (await keeper.uses([A]))[A].in_use == 0
            assert (await keeper.uses([A]))[A].in_use == 0
