"""A turn's events can be read by anyone, from anywhere, live and stored."""

import asyncio

from mdsa_server.vocabulary.events import Token, TurnEvent, TurnFinished
from tests.chat.conftest import Office


async def test_anyone_may_follow_from_any_position_and_read_the_same(office: Office) -> None:
    gate = asyncio.Event()
    office.model.says = ["One ", "two ", gate, "three"]
    live = await office.live_turns.start("local", "count")
    early = live.follow()
    seen: list[tuple[int, TurnEvent]] = []
    while not any(isinstance(event, Token) and "two" in event.text for _, event in seen):
        seen += await anext(early)
    position = seen[-1][0]
    gate.set()
    seen += [pair async for batch in early for pair in batch]
    late = [event async for batch in live.follow(position - 2) for _, event in batch]
    assert "".join(event.text for _, event in seen if isinstance(event, Token)) == "One two three"
    assert "".join(event.text for event in late if isinstance(event, Token)) == "o three"


async def test_who_asks_for_more_than_there_is_learns_how_it_ended(office: Office) -> None:
    live = await office.live_turns.start("local", "hello")
    await live.finished()
    stored = await office.live_turns.find("local", live.turn.id)
    for stream in (live, stored):
        ((position, last),) = [pair async for batch in stream.follow(10**17) for pair in batch]
        assert isinstance(last, TurnFinished)
        assert [pair async for batch in stream.follow(position) for pair in batch] == [(position, last)]
