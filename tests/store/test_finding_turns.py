"""Turns are found by their words, outcome and domain, newest first, whatever is typed."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import apsw
import pytest
import sqlite_vec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mdsa_server.errors import UnknownTurn
from mdsa_server.store.conversations import Conversations
from mdsa_server.store.database import Database
from mdsa_server.store.migrate import MIGRATIONS, migrate
from mdsa_server.store.turn_log import SHOWN_CHARS, TurnLog
from mdsa_server.vocabulary.events import RouteChosen, Token, TurnFailed, TurnFinished
from mdsa_server.vocabulary.problem import UNEXPECTED
from mdsa_server.vocabulary.routing import Route
from mdsa_server.vocabulary.turn import Timings, Turn, Usage

END = TurnFinished(at=1.5, usage=Usage(prompt_tokens=7, answer_tokens=2), timings=Timings(total=1.5), reason="stop")
FAILED = TurnFailed(at=0.5, problem=UNEXPECTED)


async def asked(
    conversations: Conversations,
    turn_log: TurnLog,
    message: str,
    answer: str = "",
    domain: str = "general",
    end: TurnFinished | TurnFailed = END,
) -> Turn:
    """Have a turn that has ended."""
    turn = await conversations.begin_turn("local", None, message)
    route = RouteChosen(at=0.1, route=Route(domain=domain, confidence=1.0, router="r"))
    await turn_log.finish(turn, [route, Token(at=0.2, text=answer), end])
    return turn


async def test_turns_are_found_by_the_words_of_message_and_answer_newest_first(
    conversations: Conversations, turn_log: TurnLog
) -> None:
    for message, answer in (("pears", "sweet"), ("apples", "Sweet and Sour"), ("a draft of plums", "")):
        await asked(conversations, turn_log, message, answer)
    for query, found in (
        ("", ["a draft of plums", "apples", "pears"]),
        ("sweet", ["apples", "pears"]),
        ("sweet sour", ["apples"]),
        ("PLU DRA", ["a draft of plums"]),
        ("nothing", []),
        ("%&!", []),
    ):
        assert [turn.message for turn in await turn_log.find("local", query=query)] == found, query


async def test_an_answer_is_found_once_it_is_saved_and_gone_with_its_conversation(
    conversations: Conversations, turn_log: TurnLog
) -> None:
    turn = await conversations.begin_turn("local", None, "pears")
    (found,) = await turn_log.find("local", query="pears")
    assert (found.outcome, found.seconds, found.domain) == ("running", None, None)
    assert await turn_log.find("local", query="sweet") == []
    await turn_log.finish(turn, [Token(at=0.0, text="sweet"), END])
    assert [one.id for one in await turn_log.find("local", query="sweet")] == [turn.id]
    await conversations.delete("local", turn.conversation)
    for query in ("sweet", "pears", ""):
        assert await turn_log.find("local", query=query) == []


async def test_a_turn_is_listed_with_what_it_took(conversations: Conversations, turn_log: TurnLog) -> None:
    await asked(conversations, turn_log, "x" * 1000)
    (found,) = await turn_log.find("local")
    assert (found.seconds, found.prompt_tokens, found.answer_tokens) == (1.5, 7, 2)
    assert len(found.message) == SHOWN_CHARS
    assert abs((found.started - datetime.now(UTC)).total_seconds()) < 60


async def test_outcome_and_domain_narrow_what_is_found_and_pages_follow_one_another(
    conversations: Conversations, turn_log: TurnLog
) -> None:
    for number in range(6):
        end = FAILED if number % 2 else END
        await asked(conversations, turn_log, f"number {number}", domain="code" if number < 4 else "general", end=end)
    failed = await turn_log.find("local", outcome="failed", domain="code")
    assert [(turn.message, turn.seconds) for turn in failed] == [("number 3", 0.5), ("number 1", 0.5)]
    assert failed == await turn_log.find("local", query="number", outcome="failed", domain="code")
    for query in ("", "number"):
        first = await turn_log.find("local", query=query, limit=4)
        rest = await turn_log.find("local", query=query, limit=4, before=first[-1].id)
        assert [turn.message[-1] for turn in first + rest] == ["5", "4", "3", "2", "1", "0"]
    assert await turn_log.domains("local") == ["code", "general"]


async def test_another_owners_turns_are_not_found(conversations: Conversations, turn_log: TurnLog) -> None:
    turn = await conversations.begin_turn("ada", None, "secret")
    assert await turn_log.find("bob") == await turn_log.find("bob", query="secret") == []
    with pytest.raises(UnknownTurn):
        await turn_log.find("bob", before=turn.id)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.sampled_from("ab\"'*^:(){}[]-+~\0 \n.,%_ß") | st.characters(codec="utf-8"), max_size=60))
async def test_whatever_is_typed_is_looked_for_and_is_no_fault(
    turn_log: TurnLog, conversations: Conversations, typed: str
) -> None:
    await turn_log.find("local", query=typed)
    await conversations.find("local", query=typed)


@pytest.mark.parametrize(
    "typed", ["AND", "pears OR apples", "NEAR(pears)", '"', "message: pears", "pears*", "x " * 300]
)
async def test_what_the_index_would_read_as_a_query_of_its_own_is_looked_for_as_words(
    conversations: Conversations, turn_log: TurnLog, typed: str
) -> None:
    await conversations.begin_turn("local", None, "pears and nothing else")
    found = await turn_log.find("local", query=typed)
    assert [turn.message for turn in found] == (["pears and nothing else"] if typed in ("AND", "pears*") else [])


def stored_by_a_former_server(folder: Path, version: int) -> tuple[Path, apsw.Connection]:
    """Give a database as it was at a version of its tables, and a connection to it."""
    earlier = folder / "migrations"
    earlier.mkdir()
    for script in sorted(MIGRATIONS.glob("*.sql"))[:version]:
        shutil.copy(script, earlier)
    path = folder / "mdsa.sqlite3"
    old = apsw.Connection(str(path))
    old.enable_load_extension(True)
    old.load_extension(sqlite_vec.loadable_path())
    migrate(old, earlier)
    return path, old


async def test_turns_that_were_stored_before_are_their_owners(tmp_path: Path) -> None:
    path, old = stored_by_a_former_server(tmp_path, 10)
    for owner in ("local", "ada"):
        old.execute(
            "insert into conversations (id, owner, title, created, updated) values (?, ?, '', 1, 1)", (owner, owner)
        )
        old.execute(
            "insert into turns (id, conversation, started, outcome, message, domain)"
            " values (?, ?, 1, 'failed', 'a', ?)",
            (f"of {owner}", owner, f"for {owner}"),
        )
    old.close()
    database = await Database.open(path)
    try:
        turn_log = TurnLog(database, keep=9)
        for owner in ("local", "ada"):
            for query in ("", "a"):
                found = await turn_log.find(owner, query=query, outcome="failed", domain=f"for {owner}")
                assert [turn.id for turn in found] == [f"of {owner}"], query
            assert await turn_log.domains(owner) == [f"for {owner}"]
    finally:
        await database.close()


async def test_what_was_stored_before_is_found_and_shown_in_its_order(tmp_path: Path) -> None:
    path, old = stored_by_a_former_server(tmp_path, 7)
    old.execute("insert into conversations (id, title, created, updated) values ('c', 'Fruit', 1, 1)")
    events = b'[{"type": "token", "at": 0.5}, {"type": "turn_finished", "at": 2.5, "usage": {"prompt_tokens": 3}}]'
    for number, parent in enumerate((None, "t0", "t1")):
        old.execute(
            "insert into turns (id, conversation, parent, started, outcome, message, answer, domain, events)"
            " values (?, 'c', ?, ?, 'answered', ?, 'sweet', 'general', ?)",
            (f"t{number}", parent, number, f"pear {number}", events if number else None),
        )
    old.close()

    database = await Database.open(path)
    try:
        conversations, turn_log = Conversations(database), TurnLog(database, keep=9)
        rows = await database.read(lambda db: db.execute("select id, current from conversations").fetchall())
        assert rows == [("c", "t2")]
        found = await turn_log.find("local", query="sweet")
        assert [(turn.id, turn.seconds, turn.prompt_tokens) for turn in found] == [
            ("t2", 2.5, 3),
            ("t1", 2.5, 3),
            ("t0", None, None),
        ]
        assert [one.title for one in await conversations.find("local", query="fru")] == ["Fruit"]
        assert (await conversations.begin_turn("local", "c", "next")).parent == "t2"
    finally:
        await database.close()
