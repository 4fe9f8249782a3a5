"""What happened in each turn: how it ended, and the events that led there, until newer turns need the room."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from mdsa_server.errors import ServerStopped, UnknownTurn
from mdsa_server.store.database import Connection, Database
from mdsa_server.vocabulary.events import TurnEvent, TurnFailed
from mdsa_server.vocabulary.replay import joined, told
from mdsa_server.vocabulary.turn import Turn

PRUNE_SECONDS = 600.0

SAID_COLUMNS = "id, conversation, parent, started, outcome, message, answer, domain, model"
TURN_COLUMNS = f"{SAID_COLUMNS}, events"

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

        def work(db: Connection) -> None:
            db.execute(
                "update turns set outcome = ?, answer = ?, domain = ?, model = ?, events = ? where id = ?",
                (end.outcome, end.answer, end.domain, end.model, _encoder.encode(whole), turn.id),
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
        def work(db: Connection) -> tuple[Any, ...] | None:
            columns = ", ".join(f"turns.{column}" for column in TURN_COLUMNS.split(", "))
            return db.execute(
                f"select {columns} from turns join conversations on conversations.id = conversation"  # noqa: S608  # constants
                " where turns.id = ? and owner = ?",
                (turn, owner),
            ).fetchone()

        row = await self._database.read(work)
        if row is None:
            raise UnknownTurn(f"no turn has the id {turn!r}", "A turn's id comes with the answer to POST /api/chat.")
        return row


def turn_of_row(row: tuple[Any, ...]) -> Turn:
    """Make a turn of a row of TURN_COLUMNS, with all that its events tell of it."""
    return told(said_of_row(row), _events_of_row(row))


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


def _events_of_row(row: tuple[Any, ...]) -> list[TurnEvent]:
    return _decoder.decode(row[9]) if row[9] else []
