"""Leases are given as the policy plans, and the engine's memory is what the engine says it is."""

import asyncio

import pytest

from mdsa_server.errors import (
    InvalidRequest,
    LineFull,
    ModelInUse,
    NoRoom,
)
from mdsa_server.inference import model_keeper
from mdsa_server.inference.chat_lines import ChatChunk
from mdsa_server.vocabulary.events import ModelChosen, ModelLoading, ModelWaiting
from tests.inference.keeping import A, B, C, admitted, kept

# --- swapping


async def test_the_model_not_used_for_longest_is_gone_before_another_is_loaded() -> None:
    async with kept() as it:
        for model in (A, B, A, C):
            await it.use(model)
        assert it.moves == ["+a:1b", "+b:1b", "-b:1b", "+c:1b"]
        assert it.resident == {A, C}


async def test_a_place_is_free_only_when_the_engine_says_so() -> None:
    async with kept(max_models=1) as it:
        await it.use(A)
        held = it.engine.memory.now()[A]
        held.users += 1  # Another program's request is under way, so that the engine unloads it later.
        waiting = asyncio.create_task(it.use(B))
        await it.engine.until(lambda: "-a:1b" in it.moves)
        await asyncio.sleep(0.1)
        assert it.moves == ["+a:1b", "-a:1b"]
        held.users -= 1
        await waiting
        assert it.moves == ["+a:1b", "-a:1b", "+b:1b"]


async def test_a_model_in_use_is_not_unloaded_and_its_turns_go_first() -> None:
    async with kept(max_models=1) as it:
        async with it.keeper.lease([A], {}) as first:
            await admitted(first)
            waiting = asyncio.create_task(it.use(B))
            await asyncio.sleep(0.05)
            assert (await it.use(A))[0] == []
            assert it.moves == ["+a:1b"]
            assert not waiting.done()
        await waiting


async def test_who_waits_is_told_the_place_and_the_reason_and_is_served_when_the_model_is_idle() -> None:
    async with kept(max_models=1) as it:
        async with it.keeper.lease([A], {}) as first:
            await admitted(first)
            waiting = [asyncio.create_task(it.use(model)) for model in (B, C)]
            await asyncio.sleep(0.05)
        (b, _), (c, _) = await asyncio.gather(*waiting)
        assert isinstance(b[0], ModelWaiting)
        assert (b[0].place, b[0].reason) == (1, "in use")
        assert isinstance(c[0], ModelWaiting)
        assert c[0].place == 2
        assert [type(event) for event in (b[-1], c[-1])] == [ModelLoading, ModelLoading]
        assert it.moves == ["+a:1b", "-a:1b", "+b:1b", "-b:1b", "+c:1b"]


async def test_one_that_has_waited_long_enough_is_passed_by_no_other() -> None:
    async with kept(max_models=1, max_wait=0.05) as it:
        async with it.keeper.lease([A], {}) as first:
            await admitted(first)
            overdue = asyncio.create_task(it.use(B))
            await asyncio.sleep(0.1)
            late = asyncio.create_task(it.use(A))
            await asyncio.sleep(0.02)
            assert not late.done(), "the model that has to go takes no new turns"
        await asyncio.gather(overdue, late)
        assert it.moves == ["+a:1b", "-a:1b", "+b:1b", "-b:1b", "+a:1b"]


async def test_one_who_gives_up_leaves_the_line() -> None:
    async with kept(max_models=1) as it:
        async with it.keeper.lease([A], {}) as first:
            await admitted(first)
            gives_up = asyncio.create_task(it.use(B))
            await asyncio.sleep(0.02)
            gives_up.cancel()
            await asyncio.wait([gives_up])
        await asyncio.sleep(0.05)
        assert it.resident == {A}


async def test_a_line_that_is_full_takes_no_more() -> None:
    async with kept(max_models=1, max_line=2) as it:
        async with it.keeper.lease([A], {}) as first:
            await admitted(first)
            waiting = [asyncio.create_task(it.use(B)) for _ in range(2)]
            await asyncio.sleep(0.02)
            with pytest.raises(LineFull, match="2 turns wait for 'b:1b'"):
                await it.use(B)
            await it.use(A)
        await asyncio.gather(*waiting)


async def test_a_model_answers_only_so_many_turns_at_a_time() -> None:
    async with kept(max_running=2) as it:
        async with it.keeper.lease([A], {}) as first, it.keeper.lease([A], {}) as second:
            await admitted(first)
            await admitted(second)
            third = asyncio.create_task(it.use(A))
            await asyncio.sleep(0.02)
            assert not third.done()
        told, _ = await third
        assert [(event.place, event.reason) for event in told if isinstance(event, ModelWaiting)] == [(1, "running")]


# --- choosing


@pytest.mark.parametrize(
    ("prefer", "worth", "chosen"), [("best", 0.0, A), ("warm", 9.0, B), ("balanced", 0.0, B), ("balanced", 9.0, A)]
)
async def test_a_warm_model_may_answer_instead_of_a_cold_one_where_that_is_wanted(
    prefer: str, worth: float, chosen: str
) -> None:
    async with kept(prefer=prefer, worth=worth) as it:
        await it.use(B)
        (first, *_), _ = await it.use(A, B)
        assert isinstance(first, ModelChosen)
        assert (first.model, first.preferred) == (chosen, A)


# --- what people ask for


async def test_a_pinned_model_stays_and_the_engine_is_told_to_keep_it() -> None:
    async with kept() as it:
        await it.use(A)
        await it.keeper.pin(A, {})
        assert it.engine.asked("/api/chat")[-1]["keep_alive"] == -1
        for model in (B, C, B, C):
            await it.use(model)
        assert it.resident == {A, C}
        await it.keeper.unpin(A)
        assert it.engine.asked("/api/chat")[-1]["keep_alive"] > 0
        await it.use(B)
        assert it.resident == {B, C}


async def test_pins_leave_a_place_for_other_models() -> None:
    async with kept(max_models=2) as it:
        await it.keeper.pin(A, {})
        await it.keeper.pin(A, {})
        with pytest.raises(InvalidRequest, match="one of the 2 places in memory must stay free"):
            await it.keeper.pin(B, {})


async def test_where_pinned_models_take_all_places_a_turn_for_another_is_told() -> None:
    async with kept(pinned=[A, B]) as it:
        await it.use(A)
        await it.use(B)
        with pytest.raises(NoRoom, match="pinned models take all 2 places"):
            await it.use(C)
        assert it.resident == {A, B}


async def test_a_model_is_unloaded_when_asked_unless_it_is_in_use() -> None:
    async with kept() as it:
        async with it.keeper.lease([A], {}) as lease:
            await admitted(lease)
            with pytest.raises(ModelInUse, match="1 turn"):
                await it.keeper.unload(A)
        await it.keeper.unload(A)
        assert it.resident == set()


async def test_what_is_done_already_is_told_as_that() -> None:
    async with kept() as it:
        with pytest.raises(InvalidRequest, match="not in memory"):
            await it.keeper.unload(A)
        with pytest.raises(InvalidRequest, match="not pinned"):
            await it.keeper.unpin(A)


async def test_a_model_is_brought_into_memory_when_it_is_pinned_and_again_when_it_was_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(model_keeper, "LOOK_SECONDS", 0.01)
    async with kept() as it:
        await it.keeper.pin(A, {})
        assert it.resident == {A}
        watching = asyncio.create_task(it.keeper.watch())
        it.engine.memory.drop(it.engine.models[A])
        async with asyncio.timeout(10):
            while it.engine.memory.loads != [A, A]:  # noqa: ASYNC110  # the engine tells nobody when it has loaded
                await asyncio.sleep(0.01)
        watching.cancel()


async def test_when_the_server_ends_pinned_models_expire_as_others_do() -> None:
    async with kept() as it:
        await it.keeper.pin(A, {})
        assert it.engine.asked("/api/chat")[-1]["keep_alive"] == -1
        await it.keeper.close()
        assert it.engine.asked("/api/chat")[-1]["keep_alive"] >= 300
        await it.engine.stop()
        await it.keeper.close()


async def test_a_load_that_two_turns_waited_for_counts_once_and_one_that_was_none_does_not() -> None:
    async with kept() as it:
        async with it.keeper.lease([A], {}) as first, it.keeper.lease([A], {}) as second:
            await admitted(first)
            await admitted(second)
            for lease in (first, second):
                lease.answered(ChatChunk(done=True, load_seconds=1.5))
        assert (await it.keeper.uses([A]))[A].loads == 2
    async with kept() as it:
        await it.keeper.engine.client.load(A, options={}, keep_alive="5m")
        await it.use(A)
        assert (await it.keeper.uses([A]))[A].loads == 0


async def test_use_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with kept() as it:
        await it.use(A)
        async with it.keeper.lease([A], {}) as lease:
            await admitted(lease)
            use = (await it.keeper.uses([A, B]))[A]
            assert (use.in_use, use.waiting, use.loads, use.pinned) == (1, 0, 1, False)
            assert use.load_seconds >= 0.02
            assert use.idle_seconds is not None


async def test_models_are_preloaded_when_there_is_an_engine() -> None:
    async with kept(preload=[B, "nothing:1b"]) as it:
        watching = asyncio.create_task(it.keeper.watch())
        async with asyncio.timeout(10):
            while it.engine.memory.loads != [B]:  # noqa: ASYNC110  # the engine tells nobody when it has loaded
                await asyncio.sleep(0.01)
        watching.cancel()


async def test_models_that_are_to_be_dropped_when_idle_are_loaded_for_each_use() -> None:
    async with kept(keep_alive=0.0) as it:
        for _ in range(2):
            assert [type(event) for event in (await it.ask(A))] == [ModelLoading]
            assert it.resident == set()
        assert it.engine.memory.loads == [A, A]


async def test_each_use_asks_to_be_kept_a_little_longer_so_that_the_engines_own_choice_agrees() -> None:
    async with kept() as it:
        async with it.keeper.lease([A], {}) as lease:
            await admitted(lease)
            kept_for = [float(lease.keep_alive) for _ in range(3)]
        assert 300 <= kept_for[0] < kept_for[1] < kept_for[2] < 301
