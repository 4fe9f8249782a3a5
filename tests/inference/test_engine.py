"""The engine is found, found again, and its default model chosen."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from mdsa_server.embedded_ollama.wire import Refused
from mdsa_server.errors import EngineUnreachable, NoEngine, UnknownModel
from mdsa_server.inference import engine as module
from mdsa_server.inference.engine import Engine, EnginePlace
from mdsa_server.vocabulary.models import EngineKind, EngineStatus
from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama

ABSENT = EngineStatus(kind="none", problem="No engine answers.", mend="Start one.")
BERT = ScriptedModel(name="bert:latest", family="bert", capabilities=("embedding",))
OLD_BERT = ScriptedModel(name="old-bert:latest", family="bert", capabilities=())
SMALL, LARGE = ScriptedModel(name="small:1b"), ScriptedModel(name="large:8b")


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedOllama]:
    async with ScriptedOllama(BERT, OLD_BERT, SMALL, LARGE) as scripted:
        yield scripted


def place(url: str, kind: EngineKind = "ollama") -> EnginePlace:
    async def give() -> str:
        return url

    return EnginePlace(kind=kind, url=give)


def engine_at(*places: EnginePlace, default_model: str = "auto") -> Engine:
    return Engine(places, absent=ABSENT, default_model=default_model, connect_timeout=0.5, stall_timeout=2)


async def test_the_first_place_that_answers_is_taken(scripted: ScriptedOllama) -> None:
    engine = engine_at(place("http://127.0.0.1:9"), place(scripted.url, "embedded"))
    status = await engine.find()
    assert (status.kind, status.url, status.version, status.problem) == ("embedded", scripted.url, "0.9.3", None)
    engine.check()
    await engine.close()


async def test_without_an_engine_its_client_says_what_is_missing() -> None:
    engine = engine_at(place("http://127.0.0.1:9"))
    assert await engine.find() == ABSENT
    with pytest.raises(NoEngine, match="No engine answers"):
        _ = engine.client
    with pytest.raises(NoEngine):
        engine.check()
    await engine.close()


async def test_an_engine_that_comes_later_is_found_by_watching(
    scripted: ScriptedOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    await scripted.stop()
    engine = engine_at(place(scripted.url))
    await engine.find()
    watching = asyncio.create_task(engine.watch())
    await scripted.start()
    async with asyncio.timeout(10):
        while engine.status.problem:  # noqa: ASYNC110  # the engine tells nobody when it is found
            await asyncio.sleep(0.01)
    watching.cancel()
    await engine.close()


async def test_an_engine_that_goes_away_is_kept_and_its_problem_told(scripted: ScriptedOllama) -> None:
    engine = engine_at(place(scripted.url))
    await engine.find()
    await scripted.stop()
    assert (await engine.find()).problem
    with pytest.raises(EngineUnreachable):
        engine.check()
    await scripted.start()
    assert (await engine.find()).problem is None
    await engine.close()


async def test_an_engine_that_comes_back_at_another_address_is_followed(scripted: ScriptedOllama) -> None:
    addresses = [scripted.url]

    async def url() -> str:
        return addresses[-1]

    engine = engine_at(EnginePlace(kind="embedded", url=url))
    await engine.find()
    await scripted.stop()
    async with ScriptedOllama(SMALL) as other:
        addresses.append(other.url)
        status = await engine.find()
        assert (status.url, status.problem) == (other.url, None)
        assert (await engine.client.installed())[0].name == "small:1b"
        await engine.close()


async def test_the_default_model_is_an_installed_one_that_can_chat(scripted: ScriptedOllama) -> None:
    engine = engine_at(place(scripted.url))
    await engine.find()
    assert engine.default_model_name == "small:1b"
    await engine.close()


async def test_a_resident_model_is_preferred_since_it_costs_no_load(scripted: ScriptedOllama) -> None:
    engine = engine_at(place(scripted.url))
    await engine.find()
    await engine.client.load("large:8b", options={}, keep_alive="5m")
    engine.forget_default_model()
    assert await engine.default_model() == "large:8b"
    await engine.close()


async def test_a_model_that_the_engine_cannot_describe_is_passed_over() -> None:
    damaged = ScriptedModel(name="damaged:1b", hides=Refused(500, "invalid file magic"))
    async with ScriptedOllama(damaged, SMALL) as scripted:
        engine = engine_at(place(scripted.url))
        await engine.find()
        assert engine.default_model_name == "small:1b"
        await engine.close()


async def test_a_configured_default_model_is_taken_as_it_is(scripted: ScriptedOllama) -> None:
    engine = engine_at(place(scripted.url), default_model="mine:7b")
    await engine.find()
    assert await engine.default_model() == "mine:7b"
    await engine.close()


async def test_an_engine_with_nothing_that_chats_is_told_with_a_command_to_fetch_a_model() -> None:
    async with ScriptedOllama(BERT) as scripted:
        engine = engine_at(place(scripted.url))
        await engine.find()
        with pytest.raises(UnknownModel) as caught:
            await engine.default_model()
        assert "mdsa models pull" in caught.value.mend
        await engine.close()
