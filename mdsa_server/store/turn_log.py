"""What happened in each turn: how it ended, and the events that led there, until newer turns need the room."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from mdsa_server.errors import ServerStopped, UnknownTurn
from mdsa_server.store.database import Connection, Database
from mdsa_server.store.search_words import match_of
from mdsa_server.vocabulary.events import TurnEvent, TurnFailed
from mdsa_server.vocabulary.replay import joined, told
from mdsa_server.vocabulary.turn import Outcome, Turn, TurnSummary

PRUNE_SECONDS = 600.0

SAID_COLUMNS = "id, conversation, parent, started, outcome, message, answer, domain, model"
TURN_COLUMNS = f"{SAID_COLUMNS}, events"
SHOWN_CHARS = 400
"""Of a message, where turns are listed."""
SUMMARY_COLUMNS = (
    f"turns.id, turns.conversation, substr(turns.message, 1, {SHOWN_CHARS + 1}), started, outcome, domain, model,"
    " seconds, prompt_tokens, answer_tokens"
)

INDEXES = {
    (False, False): "turns_by_owner",
    (True, False): "turns_by_owner_and_outcome",
    (False, True): "turns_by_owner_and_domain",
    (True, True): "turns_by_owner_domain_and_outcome",
}
"""By whether an outcome is asked for, and a domain."""

CUT_OFF = ServerStopped(
    "The message was kept; the answer was not complete when the server ended.", "Send the message again."
).problem

CUT = TurnFailed(at=0.0, problem=CUT_OFF)
"""The last event of a turn that the server did not see to its end."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[TurnEvent])


class TurnLog:
    """Turns by id. `keep` bounds how many keep all their events; messages, answers and last events always stay."""

    def __init__(self, database: Database, keep: int) -> None:
        self._database = database
        self._keep = keep

    async def finish(self, turn: Turn, events: Sequence[TurnEvent]) -> None:
        """Save how a turn ended; its conversation may have been deleted meanwhile, then nothing is saved."""
        whole = joined(events)
        end = told(turn, whole)

        usage = end.usage

        def work(db: Connection) -> None:
            db.execute(
                "update turns set outcome = ?, answer = ?, domain = ?, model = ?, events = ?,"
                " seconds = ?, prompt_tokens = ?, answer_tokens = ? where id = ?",
                (
                    *(end.outcome, end.answer, end.domain, end.model, _encoder.encode(whole), whole[-1].at),
                    *((usage.prompt_tokens, usage.answer_tokens) if usage else (None, None)),
                    turn.id,
                ),
            )

        await self._database.write(work)

    async def read(self, owner: str, turn: str) -> Turn:
        """Give a turn. Raises UnknownTurn."""
        return turn_of_row(await self._row(owner, turn))

    async def story(self, owner: str, turn: str) -> tuple[Turn, list[TurnEvent]]:
        """Give a turn that is not under way, and its events, the last of them in any case. Raises UnknownTurn."""
        row = await self._row(owner, turn)
        events = _events_of_row(row) or [CUT]
        return told(said_of_row(row), events), events

    async def find(
        self,
        owner: str,
        *,
        query: str = "",
        outcome: Outcome | None = None,
        domain: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[TurnSummary]:
        """Give turns, newest first; `before` is the id of the last one already had. Raises UnknownTurn for that.

        `query` keeps those whose message or answer has its words, in any case and with others after them.
        """
        match = match_of(query)
        if query.strip() and match is None:
            return []
        # FTS5 gives its rows newest first by itself, and so do the indexes: no more are read than are shown.
        # Whether a turn that has the words is wanted an index says: its row is read only where it is shown.
        index = INDEXES[outcome is not None, domain is not None]
        source = f"turn_words cross join turns indexed by {index} on sequence = turn_words.rowid" if match else "turns"
        newest = "turn_words.rowid" if match else "sequence"
        conditions = {
            "turn_words match :match": match,
            "outcome = :outcome": outcome,
            "domain = :domain": domain,
            f"{newest} < :last": before,
        }
        kept = " and ".join(("owner = :owner", *(text for text, value in conditions.items() if value is not None)))
        given = {"owner": owner, "match": match, "outcome": outcome, "domain": domain, "limit": limit}

        def work(db: Connection) -> list[TurnSummary]:
            last = _sequence(db, owner, before) if before is not None else None
            rows = db.execute(
                f"select {SUMMARY_COLUMNS} from {source}"  # noqa: S608  # of constants; what is asked for is bound
                f" where {kept} order by {newest} desc limit :limit",
                given | {"last": last},
            )
            return [_summary_of_row(row) for row in rows]

        return await self._database.read(work)

    async def domains(self, owner: str) -> list[str]:
        """Name the domains that have answered an owner, also those that are not configured any more."""

        def work(db: Connection) -> list[str]:
            # From one name to the next by the index: there are few, and many turns of each.
            rows = db.execute(
                """
                with recursive named (domain) as (
                    select min(domain) from turns where owner = :owner
                    union all
                    select (select min(domain) from turns where owner = :owner and domain > named.domain) from named
                    where named.domain is not null
                )
                select domain from named where domain is not null
                """,
                {"owner": owner},
            )
            return [name for (name,) in rows]

        return await self._database.read(work)

    async def stories(self, since: datetime) -> list[tuple[datetime, list[TurnEvent]]]:
        """Give all turns that began since then and have ended, everybody's: when each began, and its events."""

        def work(db: Connection) -> list[tuple[datetime, list[TurnEvent]]]:
            rows = db.execute(
                "select started, events from turns where started >= ? and outcome <> 'running' order by sequence",
                (since.timestamp(),),
            )
            return [(datetime.fromtimestamp(started, UTC), _decoder.decode(events)) for started, events in rows]

        return await self._database.read(work)

    async def mark_cut_off(self) -> int:
        """Mark turns that a former server left running as failed; give how many. Call before any turn starts."""
        events = _encoder.encode([CUT])

        def work(db: Connection) -> int:
            db.execute("update turns set outcome = 'failed', events = ? where outcome = 'running'", (events,))
            return db.changes()

        return await self._database.write(work)

    async def keep_pruning(self) -> None:
        """Prune now and then, for as long as the server runs."""
        while True:
            await self.prune()
            await asyncio.sleep(PRUNE_SECONDS)

    async def prune(self) -> int:
        """Drop the events but the last of all but the newest `keep` turns; give how many lost theirs."""

        def work(db: Connection) -> int:
            db.execute(
                """
                update turns set events = cast(json_array(json(json_extract(cast(events as text), '$[#-1]'))) as blob)
                where json_array_length(cast(events as text)) > 1
                  and sequence <= (select sequence from turns order by sequence desc limit 1 offset ?)
                """,
                (self._keep,),
            )
            return db.changes()

        return await self._database.write(work)

    async def _row(self, owner: str, turn: str) -> tuple[Any, ...]:
        return await self._database.read(lambda db: _row(db, owner, turn))


def _sequence(db: Connection, owner: str, turn: str) -> int:
    row = db.execute("select sequence from turns where id = ? and owner = ?", (turn, owner)).fetchone()
    if row is None:
        raise _unknown(turn)
    return int(row[0])


def _unknown(turn: str) -> UnknownTurn:
    return UnknownTurn(f"no turn has the id {turn!r}", "A turn's id comes with the answer to POST /api/chat.")


def _row(db: Connection, owner: str, turn: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = db.execute(
        f"select {TURN_COLUMNS} from turns where id = ? and owner = ?",  # noqa: S608  # a constant
        (turn, owner),
    ).fetchone()
    if row is None:
        raise _unknown(turn)
    return row


def turn_of_row(row: tuple[Any, ...]) -> Turn:
    """Make a turn of a row of TURN_COLUMNS, with all that its events tell of it."""
    return replace(told(said_of_row(row), _events_of_row(row)), unsaved=None)


def said_of_row(row: tuple[Any, ...]) -> Turn:
    """Make a turn of a row of SAID_COLUMNS: what was said, and by whom."""
    return Turn(
        id=row[0],
        conversation=row[1],
        parent=row[2],
        started=datetime.fromtimestamp(row[3], UTC),
        outcome=row[4],
        message=row[5],
        answer=row[6],
        domain=row[7],
        model=row[8],
    )


def _summary_of_row(row: tuple[Any, ...]) -> TurnSummary:
    """Make a summary of a row of SUMMARY_COLUMNS."""
    message = row[2]
    return TurnSummary(
        id=row[0],
        conversation=row[1],
        message=message if len(message) <= SHOWN_CHARS else f"{message[: SHOWN_CHARS - 2]} …",
        started=datetime.fromtimestamp(row[3], UTC),
        outcome=row[4],
        domain=row[5],
        model=row[6],
        seconds=row[7],
        prompt_tokens=row[8],
        answer_tokens=row[9],
    )


def _events_of_row(row: tuple[Any, ...]) -> list[TurnEvent]:
    return _decoder.decode(row[9]) if row[9] else []
