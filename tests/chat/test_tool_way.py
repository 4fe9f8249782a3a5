"""A model is held to a schema after turns in which its own means failed, and not for ever."""

from __future__ import annotations

import asyncio

import pytest

from mdsa_server.chat.tool_way import FORGOTTEN_SECONDS, LEAST_TURNS, ToolRecords, way_of
from mdsa_server.vocabulary.models import ModelDetails

MODEL = ModelDetails(name="large", weights="large", capabilities=("completion", "tools"), parameters=8_000_000_000)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def turn(records: ToolRecords, *usable: bool) -> None:
    """Note the calls of a turn, which is a task of its own."""

    async def note_all() -> None:
        for one in usable:
            records.note(MODEL, usable=one)
            await asyncio.sleep(0)

    await asyncio.create_task(note_all())


async def test_one_turn_however_many_names_it_makes_up_is_no_proof(clock: Clock) -> None:
    records = ToolRecords(clock)
    await turn(records, *[False] * 20)
    assert way_of("auto", MODEL, records) == "native"
    for _ in range(LEAST_TURNS - 1):
        await turn(records, False)
    assert way_of("auto", MODEL, records) == "constrained"


async def test_a_turn_with_one_usable_call_speaks_for_the_model(clock: Clock) -> None:
    records = ToolRecords(clock)
    for _ in range(8):
        await turn(records, False, True, False)
    assert not records.fails(MODEL)


async def test_turns_side_by_side_are_told_apart(clock: Clock) -> None:
    records = ToolRecords(clock)
    await asyncio.gather(*(turn(records, False, False) for _ in range(LEAST_TURNS)))
    assert records.fails(MODEL)


async def test_a_model_that_failed_is_tried_by_its_own_means_again_after_a_while(clock: Clock) -> None:
    records = ToolRecords(clock)
    for _ in range(LEAST_TURNS):
        await turn(records, False)
    clock.now = FORGOTTEN_SECONDS - 1
    assert records.fails(MODEL)
    clock.now = FORGOTTEN_SECONDS
    assert not records.fails(MODEL)
