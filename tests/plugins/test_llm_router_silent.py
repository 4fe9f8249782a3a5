"""Whatever keeps a model from sorting a message costs its router the say, and nobody the model."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from mdsa_server.errors import NoEngine
from mdsa_server.inference.asking import ModelAsker
from mdsa_server.inference.residency import Limits
from mdsa_server.plugin_api import Message, Opinion
from tests.fakes.script import DIES, HANGS, Breaks, Step
from tests.inference.keeping import A, B, admitted, keeper_of
from tests.plugin_host.offering import status_of
from tests.plugins.first_party import opened
from tests.plugins.llm_routing import DOMAINS, note, route_with, routing, says


@pytest.mark.parametrize("said", [["{", DIES], [Breaks("out of luck")], ["{", HANGS]])
async def test_an_answer_that_breaks_off_or_comes_late_gives_no_view_and_is_no_fault(said: list[Step]) -> None:
    async with routing(timeout=0.3) as it:
        it.model.says = said
        assert note(await it.route()).startswith("llm_router had no say: ")
        assert await it.is_idle()
        assert status_of(it.registry, "llm_router").faults == ()
        it.model.says = says("code")
        assert (await it.route()).candidates, "it is asked again"


async def test_a_late_answer_is_not_waited_for_and_the_engine_is_stopped() -> None:
    async with routing(timeout=0.2) as it:
        it.model.says = ["{", HANGS]
        assert note(await it.route()) == f"llm_router had no say: {A!r} gave no answer within 0.2 s"
        await it.kept.engine.until(lambda: it.kept.engine.cut == 1)
        assert await it.is_idle()


async def test_a_turn_that_is_cancelled_frees_the_model() -> None:
    async with routing() as it:
        it.model.says = ["{", HANGS]
        asked = asyncio.create_task(it.route())
        await it.kept.engine.until(lambda: bool(it.questions))
        asked.cancel()
        await asyncio.wait([asked])
        assert asked.cancelled()
        await it.kept.engine.until(lambda: it.kept.engine.cut == 1)
        assert await it.is_idle()


async def test_no_model_in_use_is_unloaded_to_route() -> None:
    async with routing(max_models=1, timeout=0.05) as it:
        async with it.kept.keeper.lease([B], {}) as lease:
            await admitted(lease)
            assert "gave no answer within" in note(await it.route())
        assert it.kept.moves == [f"+{B}"]
        assert await it.is_idle()


async def test_a_line_that_is_full_gives_no_view() -> None:
    async with routing(max_models=1, max_line=1) as it:
        async with it.kept.keeper.lease([B], {}) as lease:
            await admitted(lease)
            waiting = asyncio.create_task(it.route())
            await asyncio.sleep(0.05)
            assert "turns wait for" in note(await it.route())
        assert (await waiting).candidates


async def test_without_an_engine_there_is_no_view_and_a_note() -> None:
    async with keeper_of("http://127.0.0.1:9", Limits(max_models=1, max_wait=1.0, max_running=1)) as keeper:
        ask = ModelAsker(keeper, lambda model: {})
        async with opened("llm_router", domains=DOMAINS, ask_model=ask) as registry:
            assert note(await route_with(registry)) == "llm_router had no say: No engine."
            assert status_of(registry, "llm_router").state == "active"


async def test_a_model_that_the_engine_does_not_have_gives_no_view() -> None:
    async with routing(model="gone:1b") as it:
        assert "no model 'gone:1b'" in note(await it.route())


async def test_it_has_no_view_before_it_knows_the_domains() -> None:
    async def unlearnt(messages: Sequence[Message], **_: Any) -> str:
        raise NoEngine("nothing is to be asked")

    async with opened("llm_router", domains=(), ask_model=unlearnt, routers=()) as registry:
        assert await route_with(registry) == Opinion()
