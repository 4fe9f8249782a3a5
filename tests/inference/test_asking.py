"""A question to a model takes a lease like a turn, ends in time, and gives the lease back however it ends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mdsa_server.embedded_ollama.wire import Refused
from mdsa_server.errors import (
    EngineDied,
    EngineRefused,
    LineFull,
    MdsaError,
    ModelTimeout,
    NoEngine,
    NoRoom,
    PluginFault,
    UnknownModel,
)
from mdsa_server.inference.asking import ModelAsker
from mdsa_server.inference.residency import Limits
from mdsa_server.vocabulary.domain import ModelOptions
from tests.fakes.script import DIES, HANGS
from tests.inference.keeping import HELLO, A, B, C, Kept, admitted, keeper_of, kept

SCHEMA = {"type": "object", "properties": {"topic": {"enum": ["a", "b"]}}, "required": ["topic"]}


def no_options(model: str) -> ModelOptions:
    return {}


@asynccontextmanager
async def asking(*models: str, **options: Any) -> AsyncIterator[tuple[ModelAsker, Kept]]:
    async with kept(*models, **options) as it:
        yield ModelAsker(it.keeper, no_options), it


def questions(it: Kept) -> list[dict[str, Any]]:
    """What was asked, loads and unloads left out."""
    return [body for body in it.engine.asked("/api/chat") if body["messages"]]


async def is_idle(it: Kept, model: str) -> bool:
    """Whether nobody holds a lease on a model or waits for one."""
    use = (await it.keeper.uses([model]))[model]
    return (use.in_use, use.waiting) == (0, 0)


# --- what is asked


async def test_the_whole_answer_is_given() -> None:
    async with asking() as (ask, it):
        assert await ask(HELLO, model=B) == "Hello there."
        assert await is_idle(it, B)


async def test_a_schema_constrains_the_answer_and_then_no_chance_is_taken() -> None:
    async with asking() as (ask, it):
        await ask(HELLO, model=A, schema=SCHEMA, max_tokens=20)
        (body,) = questions(it)
    assert (body["format"], body["options"], body["think"]) == (SCHEMA, {"num_predict": 20, "temperature": 0}, False)


async def test_without_a_schema_the_model_is_free() -> None:
    async with asking() as (ask, it):
        await ask(HELLO, model=A)
        (body,) = questions(it)
    assert body["options"] == {"num_predict": 256}
    assert "format" not in body


async def test_options_are_sent_along_and_come_first() -> None:
    async with asking() as (ask, it):
        await ask(HELLO, model=A, schema=SCHEMA, options={"seed": 1, "temperature": 0.5})
        (body,) = questions(it)
    assert body["options"] == {"num_predict": 256, "temperature": 0.5, "seed": 1}


async def test_the_default_model_is_asked_where_none_is_named() -> None:
    async with asking(B) as (ask, it):
        await ask(HELLO)
        assert [body["model"] for body in questions(it)] == [B]


# --- what is in memory


async def test_a_model_is_asked_as_it_is_loaded_so_that_it_is_not_loaded_anew() -> None:
    async with asking() as (ask, it):
        await it.use(A, options={"num_ctx": 8192, "temperature": 0.9})
        await ask(HELLO, model=A)
        assert it.moves == [f"+{A}"]
        (body,) = questions(it)
    assert body["options"] == {"num_ctx": 8192, "num_predict": 256}


async def test_a_model_that_is_not_in_memory_is_loaded_as_domains_would_load_it() -> None:
    async with kept() as it:
        usual: dict[str, ModelOptions] = {A: {"num_ctx": 2048, "temperature": 0.9}}
        ask = ModelAsker(it.keeper, usual.__getitem__)
        await ask(HELLO, model=A)
        (body,) = questions(it)
    assert body["options"] == {"num_ctx": 2048, "num_predict": 256}


async def test_a_question_makes_room_by_the_same_rules_as_a_turn() -> None:
    async with asking(max_models=1) as (ask, it):
        await it.use(A)
        await ask(HELLO, model=B)
        assert it.moves == [f"+{A}", f"-{A}", f"+{B}"]
        assert it.resident == {B}


async def test_a_model_in_use_is_not_unloaded_for_a_question_which_leaves_the_line_when_its_time_is_up() -> None:
    async with asking(max_models=1) as (ask, it):
        async with it.keeper.lease([A], {}) as lease:
            await admitted(lease)
            with pytest.raises(ModelTimeout, match=r"'b:1b' gave no answer within 0\.05 s"):
                await ask(HELLO, model=B, timeout=0.05)
            assert await is_idle(it, B)
        assert it.moves == [f"+{A}"]


async def test_questions_count_among_those_that_a_model_answers_at_a_time() -> None:
    async with asking(max_running=1) as (ask, it):
        gate = asyncio.Event()
        it.engine.models[A].says = [gate, "Hello"]
        first, second = (asyncio.create_task(ask(HELLO, model=A)) for _ in range(2))
        await it.engine.until(lambda: bool(questions(it)))
        await asyncio.sleep(0.05)
        assert len(questions(it)) == 1
        gate.set()
        assert (await first, await second) == ("Hello", "Hello")


async def test_a_line_that_is_full_takes_no_question() -> None:
    async with asking(max_models=1, max_line=1) as (ask, it):
        async with it.keeper.lease([A], {}) as lease:
            await admitted(lease)
            waiting = asyncio.create_task(ask(HELLO, model=B))
            await asyncio.sleep(0.02)
            with pytest.raises(LineFull):
                await ask(HELLO, model=B)
        await waiting


async def test_a_question_for_which_there_is_never_room_is_told_so() -> None:
    async with asking(pinned=[A, B]) as (ask, it):
        await it.use(A)
        await it.use(B)
        with pytest.raises(NoRoom):
            await ask(HELLO, model=C)


# --- how it ends


async def test_an_answer_that_takes_too_long_is_given_up_and_the_engine_stopped() -> None:
    async with asking() as (ask, it):
        it.engine.models[A].says = ["Half", HANGS]
        with pytest.raises(ModelTimeout, match="the default model gave no answer within"):
            await ask(HELLO, timeout=0.2)
        await it.engine.until(lambda: it.engine.cut == 1)
        assert await is_idle(it, A)


async def test_a_load_that_takes_too_long_goes_on_for_the_next_who_asks() -> None:
    async with asking() as (ask, it):
        it.engine.models[A].load_seconds = 0.2
        with pytest.raises(ModelTimeout):
            await ask(HELLO, model=A, timeout=0.05)
        assert await ask(HELLO, model=A) == "Hello there."
        assert it.moves == [f"+{A}"]


async def test_who_is_cancelled_gives_the_lease_back_and_stops_the_engine() -> None:
    async with asking() as (ask, it):
        it.engine.models[A].says = ["Half", HANGS]
        asked = asyncio.create_task(ask(HELLO, model=A))
        await it.engine.until(lambda: bool(questions(it)))
        asked.cancel()
        await asyncio.wait([asked])
        assert asked.cancelled()
        await it.engine.until(lambda: it.engine.cut == 1)
        assert await is_idle(it, A)


async def test_what_the_engine_refuses_and_where_it_breaks_off_are_the_servers_own_errors() -> None:
    async with asking() as (ask, it):
        model = it.engine.models[A]
        await raises(UnknownModel, ask(HELLO, model="other:1b"))
        model.says = ["Half", DIES]
        await raises(EngineDied, ask(HELLO, model=A))
        model.refuses = Refused(400, "no such thing")
        await raises(EngineRefused, ask(HELLO, model=A))
        assert await is_idle(it, A)


async def test_without_an_engine_that_is_said() -> None:
    async with keeper_of("http://127.0.0.1:9", Limits(max_models=1, max_wait=1.0, max_running=1)) as keeper:
        await raises(NoEngine, ModelAsker(keeper, no_options)(HELLO))


@pytest.mark.parametrize(
    ("messages", "limits", "told"),
    [
        ([], {}, "without a message"),
        (HELLO, {"max_tokens": 0}, "for 0 tokens"),
        (HELLO, {"timeout": 0.0}, "0 s to answer"),
        (HELLO, {"timeout": float("nan")}, "nan s to answer"),
        (HELLO, {"timeout": float("inf")}, "inf s to answer"),
    ],
)
async def test_what_cannot_be_asked_is_the_askers_fault(messages: Any, limits: dict[str, Any], told: str) -> None:
    async with asking() as (ask, it):
        with pytest.raises(PluginFault, match=told):
            await ask(messages, model=A, **limits)
        assert questions(it) == []


async def raises(kind: type[MdsaError], asked: Awaitable[str]) -> None:
    with pytest.raises(kind):
        await asked
