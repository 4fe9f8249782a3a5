"""How turns ended is kept, told again, and bounded."""

import pytest

from mdsa_server.errors import UnknownTurn
from mdsa_server.store.conversations import Conversations
from mdsa_server.store.turn_log import TurnLog
from mdsa_server.vocabulary.events import Token, TurnFinished
from mdsa_server.vocabulary.turn import Timings, Usage

END = TurnFinished(at=1.0, usage=Usage(answer_tokens=2), timings=Timings(total=1.0), reason="stop")


async def test_a_finished_turn_is_read_as_it_happened(conversations: Conversations, turn_log: TurnLog) -> None:
    turn = await conversations.begin_turn("local", None, "hello")
    await turn_log.finish(turn, [Token(at=0.1, text="Hi "), Token(at=0.2, text="there"), END])
    read = await turn_log.read("local", turn.id)
    assert (read.answer, read.outcome, read.usage) == ("Hi there", "answered", END.usage)
    assert (await turn_log.story("local", turn.id))[1] == [Token(at=0.1, text="Hi there"), END]


async def test_turns_left_running_by_a_dead_server_are_marked_as_cut_off(
    conversations: Conversations, turn_log: TurnLog
) -> None:
    turn = await conversations.begin_turn("local", None, "hello")
    assert await turn_log.mark_cut_off() == 1
    read = await turn_log.read("local", turn.id)
    assert read.outcome == "failed"
    assert read.problem is not None
    assert read.problem.code == "server-stopped"
    assert read.message == "hello"


async def test_old_turns_keep_their_answers_and_how_they_ended_and_lose_what_came_before(
    conversations: Conversations, turn_log: TurnLog
) -> None:
    turns = []
    for number in range(5):
        turn = await conversations.begin_turn("local", None, str(number))
        await turn_log.finish(turn, [Token(at=0.0, text=f"answer {number}"), END])
        turns.append(turn)
    assert await turn_log.prune() == 2
    assert await turn_log.prune() == 0
    assert [len((await turn_log.story("local", turn.id))[1]) for turn in turns] == [1, 1, 2, 2, 2]
    oldest = await turn_log.read("local", turns[0].id)
    assert (oldest.answer, oldest.usage) == ("answer 0", END.usage)
    assert (await turn_log.story("local", oldest.id))[1] == [END]


async def test_an_unknown_turn_is_said_to_be_unknown(turn_log: TurnLog) -> None:
    with pytest.raises(UnknownTurn, match="no-such-turn"):
        await turn_log.read("local", "no-such-turn")
