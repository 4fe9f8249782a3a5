"""Conversations: made by their first message, listed, read, renamed, deleted."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from mdsa_server.errors import UnknownConversation
from mdsa_server.store.database import Connection, Database
from mdsa_server.store.turn_log import SAID_COLUMNS, TURN_COLUMNS, said_of_row, turn_of_row
from mdsa_server.vocabulary.conversation import Conversation, ConversationSummary
from mdsa_server.vocabulary.identifiers import new_id
from mdsa_server.vocabulary.turn import Turn

TITLE_CHARS = 80


class Conversations:
    """Every method is given the owner, and raises UnknownConversation for what is not theirs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin_turn(self, owner: str, conversation: str | None, message: str) -> Turn:
        """Save a user's message as a new turn, in a new conversation if none is named."""

        def work(db: Connection) -> Turn:
            now = time.time()
            if conversation is None:
                home = new_id()
                db.execute(
                    "insert into conversations (id, owner, title, created, updated) values (?, ?, ?, ?, ?)",
                    (home, owner, title_of(message), now, now),
                )
                parent = None
            else:
                home = conversation
                _check_owner(db, owner, home)
                db.execute("update conversations set updated = ? where id = ?", (now, home))
                row = db.execute(
                    "select id from turns where conversation = ? order by sequence desc limit 1", (home,)
                ).fetchone()
                parent = row[0] if row else None
            turn = Turn(
                id=new_id(),
                conversation=home,
                parent=parent,
                message=message,
                started=datetime.fromtimestamp(now, UTC),
            )
            db.execute(
                "insert into turns (id, conversation, parent, started, message) values (?, ?, ?, ?, ?)",
                (turn.id, home, parent, now, message),
            )
            return turn

        return await self._database.write(work)

    async def find(
        self, owner: str, *, query: str = "", limit: int = 50, before: str | None = None
    ) -> list[ConversationSummary]:
        """Give the conversations last used, newest first; `before` is the id of the last one already had.

        `query` keeps those whose title or messages hold it, in any case.
        """

        def work(db: Connection) -> list[ConversationSummary]:
            if before is not None:
                _check_owner(db, owner, before)
            rows = db.execute(
                """
                select id, title, created, updated, (select count(*) from turns where conversation = c.id)
                from conversations c
                where owner = :owner
                  and (:before is null
                       or (updated, id) < (select updated, id from conversations where id = :before))
                  and (:sought = '' or instr(casefold(title), :sought)
                       or exists (select 1 from turns where conversation = c.id and instr(casefold(message), :sought)))
                order by updated desc, id desc limit :limit
                """,
                {"owner": owner, "before": before, "sought": query.strip().casefold(), "limit": limit},
            )
            return [
                ConversationSummary(id=row[0], title=row[1], created=_when(row[2]), updated=_when(row[3]), turns=row[4])
                for row in rows
            ]

        return await self._database.read(work)

    async def read(self, owner: str, conversation: str) -> Conversation:
        """Give a conversation with all its turns."""

        def work(db: Connection) -> Conversation:
            title, created, updated = _check_owner(db, owner, conversation)
            rows = db.execute(
                f"select {TURN_COLUMNS} from turns where conversation = ? order by sequence",  # noqa: S608  # a constant
                (conversation,),
            )
            return Conversation(
                id=conversation,
                title=title,
                created=_when(created),
                updated=_when(updated),
                turns=tuple(turn_of_row(row) for row in rows),
            )

        return await self._database.read(work)

    async def earlier_turns(self, turn: Turn, limit: int) -> list[Turn]:
        """Give up to `limit` turns before `turn` in its conversation, oldest first, with what is kept of them."""
        if turn.parent is None:
            return []

        def work(db: Connection) -> list[Turn]:
            rows = _latest(db, TURN_COLUMNS, turn.conversation, limit, before=turn.id)
            return [turn_of_row(row) for row in rows]

        return await self._database.read(work)

    async def count_before_earlier(self, turn: Turn, limit: int) -> int:
        """Count the turns that came before `earlier_turns` with that limit, and were answered."""

        def work(db: Connection) -> int:
            rows = db.execute(
                "select answer <> '' from turns where conversation = ?"
                " and sequence < (select sequence from turns where id = ?) order by sequence desc limit -1 offset ?",
                (turn.conversation, turn.id, limit),
            )
            return sum(answered for (answered,) in rows)

        return await self._database.read(work)

    async def latest_turns(self, owner: str, conversation: str, limit: int) -> list[Turn]:
        """Give the last `limit` turns of a conversation, oldest first: what was said in them."""

        def work(db: Connection) -> list[Turn]:
            _check_owner(db, owner, conversation)
            return [said_of_row(row) for row in _latest(db, SAID_COLUMNS, conversation, limit)]

        return await self._database.read(work)

    async def rename(self, owner: str, conversation: str, title: str) -> None:
        def work(db: Connection) -> None:
            _check_owner(db, owner, conversation)
            db.execute("update conversations set title = ? where id = ?", (title, conversation))

        await self._database.write(work)

    async def delete(self, owner: str, conversation: str) -> None:
        """Delete a conversation and its turns, for good."""

        def work(db: Connection) -> None:
            _check_owner(db, owner, conversation)
            db.execute("delete from conversations where id = ?", (conversation,))

        await self._database.write(work)


def _latest(
    db: Connection, columns: str, conversation: str, limit: int, before: str | None = None
) -> Iterator[tuple[Any, ...]]:
    return db.execute(
        f"select {columns} from (select * from turns where conversation = :conversation"  # noqa: S608  # constants
        " and (:before is null or sequence < (select sequence from turns where id = :before))"
        " order by sequence desc limit :limit) order by sequence",
        {"conversation": conversation, "before": before, "limit": limit},
    )


def title_of(message: str) -> str:
    """Make a title of a message: its first line that says something, cut at a word."""
    line = next((line.strip() for line in message.splitlines() if line.strip()), "Conversation")
    if len(line) <= TITLE_CHARS:
        return line
    return line[:TITLE_CHARS].rsplit(maxsplit=1)[0] + " …"


def _check_owner(db: Connection, owner: str, conversation: str) -> tuple[str, float, float]:
    row = db.execute(
        "select title, created, updated from conversations where id = ? and owner = ?", (conversation, owner)
    ).fetchone()
    if row is None:
        raise UnknownConversation(f"no conversation has the id {conversation!r}", "List them: GET /api/conversations.")
    title, created, updated = row
    return title, created, updated


def _when(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
