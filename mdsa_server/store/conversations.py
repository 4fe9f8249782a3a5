"""Conversations: made by their first message, listed, read, renamed, deleted."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from mdsa_server.errors import ConversationFull, InvalidRequest, UnknownConversation, UnknownTurn
from mdsa_server.store.branches import beside, home_of, leaf_through, length_of, path_to
from mdsa_server.store.database import Connection, Database
from mdsa_server.store.search_words import match_of
from mdsa_server.store.turn_log import SAID_COLUMNS, TURN_COLUMNS, said_of_row, turn_of_row
from mdsa_server.vocabulary.conversation import Conversation, ConversationSummary
from mdsa_server.vocabulary.identifiers import new_id
from mdsa_server.vocabulary.turn import Turn

TITLE_CHARS = 80


class BegunTurn(NamedTuple):
    """A turn as it is saved when it begins."""

    owner: str
    turn: Turn
    aside: bool
    """The conversation does not go on from it; never the first of one, which has nothing else to go on from."""
    opens: bool
    """It is the first of its conversation."""


def begun_turn(owner: str, home: str | None, parent: str | None, message: str, *, aside: bool = False) -> BegunTurn:
    """Make a turn of a conversation, or of a new one where `home` is None."""
    turn = Turn(id=new_id(), conversation=home or new_id(), parent=parent, message=message, started=datetime.now(UTC))
    return BegunTurn(owner, turn, aside and home is not None, opens=home is None)


class Conversations:
    """Every method is given the owner, and raises UnknownConversation for what is not theirs."""

    def __init__(self, database: Database, most_turns: int = sys.maxsize) -> None:
        """`most_turns`: how many turns a conversation may have, on all its branches together."""
        self._database = database
        self._most_turns = most_turns

    async def begin_turn(
        self,
        owner: str,
        conversation: str | None,
        message: str,
        *,
        instead_of: str | None = None,
        after: str | None = None,
        aside: bool = False,
        unsaved: Sequence[BegunTurn] = (),
    ) -> Turn:
        """Save a user's message as a new turn, in a new conversation if none is named.

        It comes after the conversation's current turn; or after the turn `after`; or it stands in place of the turn
        `instead_of`, which stays, with what came after it, as another branch. The conversation goes on from the new
        turn, unless that is to stand `aside`. Turns that could not be saved before are saved with it. Raises
        UnknownConversation, UnknownTurn, and InvalidRequest where a turn of another conversation is named, or both are;
        ConversationFull where it has all the turns it may have.
        """

        def work(db: Connection) -> Turn:
            for one in unsaved:
                _insert(db, one)
            home, parent = _place(db, owner, conversation, instead_of, after)
            self._check_room(db, home)
            begun = begun_turn(owner, home, parent, message, aside=aside)
            _insert(db, begun)
            return begun.turn

        return await self._database.write(work)

    async def place(
        self, owner: str, conversation: str | None, instead_of: str | None, after: str | None
    ) -> tuple[str | None, str | None]:
        """Give the conversation, None for a new one, and the parent that `begin_turn` would give a turn."""
        return await self._database.read(lambda db: _place(db, owner, conversation, instead_of, after))

    async def save(self, unsaved: Sequence[BegunTurn]) -> None:
        """Save turns that could not be when they began, in order; those of deleted conversations are passed over."""

        def work(db: Connection) -> None:
            for one in unsaved:
                _insert(db, one)

        await self._database.write(work)

    def _check_room(self, db: Connection, conversation: str | None) -> None:
        row: Any = db.execute("select count(*) from turns where conversation = ?", (conversation,)).fetchone()
        turns: int = row[0]
        if turns >= self._most_turns:
            raise ConversationFull(
                f"the conversation has {turns:,} turns, and no more are taken",
                "Begin a new one, or raise [limits] turns_per_conversation in mdsa.toml.",
            )

    async def find(
        self, owner: str, *, query: str = "", limit: int = 50, before: str | None = None
    ) -> list[ConversationSummary]:
        """Give the conversations last used, newest first; `before` is the id of the last one already had.

        `query` keeps those whose title has its words, or a turn of theirs, in any case and with others after them.
        """
        match = match_of(query)
        if query.strip() and match is None:
            return []

        def work(db: Connection) -> list[ConversationSummary]:
            if before is not None:
                _row_of(db, owner, before)
            rows = db.execute(
                """
                select id, title, created, updated, (select count(*) from turns where conversation = c.id)
                from conversations c
                where owner = :owner
                  and (:before is null
                       or (updated, id) < (select updated, id from conversations where id = :before))
                  and (:match is null or id in (
                      select conversation
                      from turn_words cross join turns indexed by turns_by_owner on sequence = turn_words.rowid
                      where turn_words match :match and turns.owner = :owner
                      union select conversation from title_words where title_words match :match))
                order by updated desc, id desc limit :limit
                """,
                {"owner": owner, "before": before, "match": match, "limit": limit},
            )
            return [
                ConversationSummary(id=row[0], title=row[1], created=_when(row[2]), updated=_when(row[3]), turns=row[4])
                for row in rows
            ]

        return await self._database.read(work)

    async def read(
        self,
        owner: str,
        conversation: str,
        *,
        through: str | None = None,
        before: str | None = None,
        limit: int = -1,
    ) -> Conversation:
        """Give a conversation with the last `limit` turns of its current branch, or of the branch `through` a turn.

        `before` leaves out that turn of the branch and what comes after it. Raises UnknownConversation, and
        UnknownTurn for a turn that is not in it.
        """

        def work(db: Connection) -> Conversation:
            leaf = _row_of(db, owner, conversation)[3]
            for turn in (through, before):
                if turn is not None:
                    _check_inside(db, conversation, turn)
            if through is not None or before is not None:
                leaf = leaf_through(db, through or before or "", leaf)
            last = leaf if before is None else home_of(db, owner, before, conversation)[1]
            return _read(db, owner, conversation, last, leaf, limit)

        return await self._database.read(work)

    async def read_to(self, owner: str, conversation: str, last: str | None, limit: int = -1) -> Conversation:
        """Give a conversation with up to `limit` of the turns that lead to one of it, itself at the end."""
        return await self._database.read(lambda db: _read(db, owner, conversation, last, last, limit))

    async def earlier_turns(self, turn: Turn, limit: int) -> list[Turn]:
        """Give up to `limit` turns that lead to `turn`, oldest first, with what is kept of them."""
        if turn.parent is None:
            return []
        return await self._database.read(
            lambda db: [turn_of_row(row) for row in path_to(db, TURN_COLUMNS, turn.parent, limit)]
        )

    async def count_before_earlier(self, turn: Turn, limit: int) -> int:
        """Count the turns that came before `earlier_turns` with that limit, and were answered."""

        def work(db: Connection) -> int:
            rows = list(path_to(db, "answer <> ''", turn.parent))
            return sum(answered for (answered,) in rows[: max(len(rows) - limit, 0)])

        return await self._database.read(work)

    async def latest_turns(self, owner: str, conversation: str, limit: int) -> list[Turn]:
        """Give the last `limit` turns of a conversation's current branch, oldest first: what was said in them."""

        def work(db: Connection) -> list[Turn]:
            current = _row_of(db, owner, conversation)[3]
            return [said_of_row(row) for row in path_to(db, SAID_COLUMNS, current, limit)]

        return await self._database.read(work)

    async def beside(self, turn: Turn) -> tuple[str, ...]:
        """Give the ids of the saved turns that stand in the place of `turn`, itself among them, as they came."""
        siblings = "select id from turns where conversation = ? and parent is ? order by sequence"
        return await self._database.read(
            lambda db: tuple(str(row[0]) for row in db.execute(siblings, (turn.conversation, turn.parent)))
        )

    async def rename(self, owner: str, conversation: str, title: str) -> None:
        def work(db: Connection) -> None:
            _row_of(db, owner, conversation)
            db.execute("update conversations set title = ? where id = ?", (title, conversation))

        await self._database.write(work)

    async def delete(self, owner: str, conversation: str) -> None:
        """Delete a conversation and its turns, for good."""

        def work(db: Connection) -> None:
            _row_of(db, owner, conversation)
            db.execute("delete from conversations where id = ?", (conversation,))

        await self._database.write(work)


def title_of(message: str) -> str:
    """Make a title of a message: its first line that says something, cut at a word."""
    line = next((line.strip() for line in message.splitlines() if line.strip()), "Conversation")
    if len(line) <= TITLE_CHARS:
        return line
    return line[:TITLE_CHARS].rsplit(maxsplit=1)[0] + " …"


def turn_named(instead_of: str | None, after: str | None) -> str | None:
    """Give the turn whose place, or the place after which, is meant. Raises InvalidRequest where both are named."""
    if instead_of is not None and after is not None:
        raise InvalidRequest("both `instead_of` and `after` name a turn", "Name one of them.")
    return instead_of or after


def _place(
    db: Connection, owner: str, conversation: str | None, instead_of: str | None, after: str | None
) -> tuple[str | None, str | None]:
    if (named := turn_named(instead_of, after)) is not None:
        home, parent = home_of(db, owner, named, conversation)
        return home, parent if instead_of else named
    return conversation, _row_of(db, owner, conversation)[3] if conversation is not None else None


def _insert(db: Connection, begun: BegunTurn) -> None:
    """Save a turn; one that is saved already, or whose conversation is deleted or another's, changes nothing."""
    turn, now = begun.turn, begun.turn.started.timestamp()
    if begun.opens:
        db.execute(
            "insert or ignore into conversations (id, owner, title, created, updated) values (?, ?, ?, ?, ?)",
            (turn.conversation, begun.owner, title_of(turn.message), now, now),
        )
    home = (turn.conversation, begun.owner)
    if not db.execute("select 1 from conversations where id = ? and owner = ?", home).fetchone():
        return
    db.execute(
        "insert or ignore into turns (id, conversation, owner, parent, started, message)"
        " values (?, ?, ?, (select id from turns where id = ?), ?, ?)",
        (turn.id, turn.conversation, begun.owner, turn.parent, now, turn.message),
    )
    if db.changes() and not begun.aside:
        db.execute("update conversations set current = ?, updated = ? where id = ?", (turn.id, now, turn.conversation))


def _row_of(db: Connection, owner: str, conversation: str) -> tuple[str, float, float, str | None]:
    """Give a conversation's title, when it was made and last used, and its current turn."""
    row = db.execute(
        "select title, created, updated, current from conversations where id = ? and owner = ?", (conversation, owner)
    ).fetchone()
    if row is None:
        raise UnknownConversation(f"no conversation has the id {conversation!r}", "List them: GET /api/conversations.")
    title, created, updated, current = row
    return title, created, updated, current


def _read(
    db: Connection, owner: str, conversation: str, last: str | None, leaf: str | None, limit: int
) -> Conversation:
    title, created, updated, _ = _row_of(db, owner, conversation)
    turns = tuple(turn_of_row(row) for row in path_to(db, TURN_COLUMNS, last, limit)) if limit else ()
    return Conversation(
        id=conversation,
        title=title,
        created=_when(created),
        updated=_when(updated),
        turns=turns,
        earlier=length_of(db, last) - len(turns),
        leaf=leaf,
        beside=beside(db, conversation, (turn.id for turn in turns)),
    )


def _check_inside(db: Connection, conversation: str, turn: str) -> None:
    if not db.execute("select 1 from turns where id = ? and conversation = ?", (turn, conversation)).fetchone():
        raise UnknownTurn(f"the conversation has no turn with the id {turn!r}", "Load the page again.")


def _when(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
