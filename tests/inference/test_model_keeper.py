"""A lease tells of loading, knows the context, and asks the engine no more than it must."""

from collections.abc import AsyncIterator

import pytest

from mdsa_server.errors import UnknownModel
from mdsa_server.inference.engine import Engine, EnginePlace
from mdsa_server.inference.model_keeper import ModelKeeper
from mdsa_server.vocabulary.domain import ModelOptions
from mdsa_server.vocabulary.events import ModelLoading, ModelWaiting
from mdsa_server.vocabulary.models import EngineStatus
from mdsa_server.vocabulary.stopwatch import stopwatch
from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama

MODEL = "scripted:1b"


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedOllama]:
    async with ScriptedOllama() as scripted:
        yield scripted


@pytest.fixture
async def keeper(scripted: ScriptedOllama) -> AsyncIterator[ModelKeeper]:
    async def url() -> str:
        return scripted.url

    engine = Engine(
        [EnginePlace(kind="ollama", url=url)],
        absent=EngineStatus(kind="none"),
        default_model="auto",
        connect_timeout=1,
        stall_timeout=2,
    )
    await engine.find()
    scripted.requests.clear()
    yield ModelKeeper(engine, keep_alive="5m")
    await engine.close()


async def admitted(
    keeper: ModelKeeper, model: str = MODEL, options: ModelOptions | None = None
) -> tuple[list[ModelWaiting | ModelLoading], int]:
    async with keeper.lease(model, options or {}) as lease:
        told = [event async for event in lease.admission(stopwatch())]
        return told, lease.context


async def test_a_cold_model_is_loaded_with_its_options_and_its_context_known(
    keeper: ModelKeeper, scripted: ScriptedOllama
) -> None:
    told, context = await admitted(keeper, options={"num_ctx": 2048})
    assert [type(event) for event in told] == [ModelLoading]
    assert context == 2048
    (load,) = scripted.asked("/api/chat")
    assert (load["options"], load["keep_alive"], load["messages"]) == ({"num_ctx": 2048}, "5m", [])


async def test_a_model_used_just_now_is_not_asked_about_again(keeper: ModelKeeper, scripted: ScriptedOllama) -> None:
    await admitted(keeper)
    asked = len(scripted.requests)
    told, context = await admitted(keeper)
    assert (told, len(scripted.requests)) == ([], asked)
    assert context > 0


async def test_a_model_that_is_resident_with_another_context_is_loaded_anew(
    keeper: ModelKeeper, scripted: ScriptedOllama
) -> None:
    told = [await admitted(keeper, options={"num_ctx": size}) for size in (2048, 8192, 2048)]
    assert [[type(event) for event in events] for events, _ in told] == [[ModelLoading]] * 3
    assert [context for _, context in told] == [2048, 8192, 2048]
    assert scripted.memory.loads == [MODEL] * 3


async def test_a_model_that_somebody_else_loaded_is_not_trusted_to_have_our_context(
    keeper: ModelKeeper, scripted: ScriptedOllama
) -> None:
    await keeper.engine.client.load(MODEL, options={"num_ctx": 8192}, keep_alive="5m")
    _, context = await admitted(keeper)
    assert context == scripted.memory.now()[MODEL].context == 4096


async def test_after_a_failure_nothing_is_believed(keeper: ModelKeeper, scripted: ScriptedOllama) -> None:
    await admitted(keeper)
    with pytest.raises(LookupError):
        async with keeper.lease(MODEL, {}):
            raise LookupError
    scripted.memory.drop(scripted.models[MODEL])
    told, _ = await admitted(keeper)
    assert [type(event) for event in told] == [ModelLoading]


async def test_a_model_that_is_not_there_is_named(keeper: ModelKeeper) -> None:
    with pytest.raises(UnknownModel, match="nothing:1b"):
        await admitted(keeper, "nothing:1b")


async def test_a_default_model_that_was_deleted_is_chosen_anew(keeper: ModelKeeper, scripted: ScriptedOllama) -> None:
    assert await keeper.engine.default_model() == MODEL
    del scripted.models[MODEL]
    scripted.models["other:1b"] = ScriptedModel(name="other:1b")
    with pytest.raises(UnknownModel):
        await admitted(keeper, await keeper.engine.default_model())
    assert await keeper.engine.default_model() == "other:1b"
