"""A model is loaded once for all who wait for it, as they want it, and what goes wrong is told to them alone."""

import asyncio

import pytest
from structlog.testing import capture_logs

from mdsa_server.errors import (
    EngineRefused,
    UnknownModel,
)
from mdsa_server.vocabulary.events import ModelChosen, ModelLoading, ModelWaiting
from tests.fakes.script import ScriptedModel
from tests.inference.keeping import LOAD_SECONDS, A, B, admitted, kept


async def test_a_cold_model_is_loaded_with_its_options_and_its_context_known() -> None:
    async with kept() as it:
        told, context = await it.use(A, options={"num_ctx": 2048, "temperature": 0.1})
        assert [type(event) for event in told] == [ModelLoading]
        assert context == 2048
        (load,) = it.engine.asked("/api/chat")
        assert (load["options"]["num_ctx"], load["messages"]) == (2048, [])


async def test_a_resident_model_is_leased_without_asking_the_engine_anything() -> None:
    async with kept() as it:
        await it.use(A)
        asked = len(it.engine.requests)
        told, context = await it.use(A)
        assert (told, len(it.engine.requests)) == ([], asked)
        assert context == 4096


async def test_a_model_with_another_context_is_another_and_takes_the_place_of_the_first() -> None:
    async with kept() as it:
        contexts = [(await it.use(A, options={"num_ctx": size}))[1] for size in (2048, 8192, 2048)]
        assert contexts == [2048, 8192, 2048]
        assert it.engine.memory.loads == [A] * 3
        assert it.moves == ["+a:1b"] * 3, "the engine replaces the same weights by itself"


async def test_options_that_do_not_belong_to_the_loaded_model_load_nothing_anew() -> None:
    async with kept() as it:
        await it.use(A, options={"temperature": 0.1})
        told, _ = await it.use(A, options={"temperature": 0.9})
        assert told == []


async def test_several_that_wait_for_one_model_have_it_loaded_once() -> None:
    async with kept() as it:
        await asyncio.gather(*(it.use(A) for _ in range(5)))
        assert it.moves == ["+a:1b"]


async def test_a_load_that_fails_is_told_to_all_who_wait_for_it_and_to_no_other() -> None:
    async with kept() as it:
        it.engine.models[A].load_seconds = 0.0
        it.engine.busy = True
        with capture_logs() as lines:
            answers = await asyncio.gather(*(it.use(A) for _ in range(3)), return_exceptions=True)
        assert [line for line in lines if line["log_level"] == "error"] == []
        assert len({str(answer) for answer in answers}) == 1
        assert "takes no more requests" in str(answers[0])
        it.engine.busy = False
        await it.use(A)


async def test_a_load_that_breaks_in_a_way_nobody_foresaw_leaves_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with kept() as it:

        async def breaks(*_: object, **__: object) -> None:
            raise LookupError

        with monkeypatch.context() as broken:
            broken.setattr(it.keeper.engine.client, "load", breaks)
            with pytest.raises(EngineRefused, match="'a:1b' could not be loaded"):
                await it.use(A)
        assert [type(event) for event in (await it.use(A))[0]] == [ModelLoading]


async def test_a_turn_whose_model_is_not_the_one_that_loads_is_not_said_to_load() -> None:
    async with kept() as it:
        it.engine.models[A].load_seconds = 0.2
        first = asyncio.create_task(it.use(A))
        await it.engine.until(lambda: bool(it.moves))
        told, _ = await it.use(B)
        await first
    assert isinstance(told[0], ModelWaiting)
    assert told[0].reason == "another loads"
    assert isinstance(told[-1], ModelLoading)


async def test_a_lease_tells_how_long_its_model_took_to_load() -> None:
    async with kept() as it:
        for loaded in (True, False):
            async with it.keeper.lease([A], {}) as lease:
                await admitted(lease)
            assert (lease.load_seconds >= LOAD_SECONDS) == loaded


async def test_a_model_that_is_not_there_is_named() -> None:
    async with kept() as it:
        with pytest.raises(UnknownModel, match="nothing:1b"):
            await it.use("nothing:1b")


async def test_of_several_models_one_that_is_there_will_do() -> None:
    async with kept() as it:
        for models in ((A, "nothing:1b"), ("nothing:1b", A)):
            (first, *_), _ = await it.use(*models)
            assert isinstance(first, ModelChosen)
            assert first.model == A
        with pytest.raises(UnknownModel):
            await it.use("nothing:1b", "nothing:2b")


async def test_a_default_model_that_was_deleted_is_chosen_anew() -> None:
    async with kept(A) as it:
        engine = it.keeper.engine
        assert await engine.default_model() == A
        it.engine.models.clear()
        it.engine.models[B] = ScriptedModel(name=B)
        with pytest.raises(UnknownModel):
            await it.use(await engine.default_model())
        assert await engine.default_model() == B
        await it.use(B)
