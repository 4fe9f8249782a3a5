"""Corrections: said of a turn, reviewed, and, where they were accepted, kept as examples."""

import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from mdsa_server.errors import UnknownCorrection, UnknownTurn
from mdsa_server.store.database import Connection, Database
from mdsa_server.vocabulary.corrections import Correction, CorrectionState
from mdsa_server.vocabulary.identifiers import new_id
from mdsa_server.vocabulary.turn import Turn

COLUMNS = "id, turn, message, domain, answered, said, state"


class Corrections:
    """Everybody's: whoever reviews them sees them all."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def say(self, turn: Turn, domain: str | None) -> tuple[Correction, bool]:
        """Say which domain is right for a turn's message; give what is pending now, and whether it is new.

        What was said of the turn before, and not yet reviewed, is replaced. Raises UnknownTurn.
        """

        def work(db: Connection) -> tuple[Correction, bool]:
            if not db.execute("select 1 from turns where id = ?", (turn.id,)).fetchone():
                raise UnknownTurn(f"no turn has the id {turn.id!r}", "Its conversation was deleted.")
            db.execute(
                "update corrections set domain = ?, said = ? where turn = ? and state = 'pending'",
                (domain, time.time(), turn.id),
            )
            new = db.changes() == 0
            if new:
                db.execute(
                    "insert into corrections (id, turn, message, domain, answered, said) values (?, ?, ?, ?, ?, ?)",
                    (new_id(), turn.id, turn.message, domain, turn.domain, time.time()),
                )
            (said,) = _found(db, "turn = ? and state = 'pending'", turn.id)
            return said, new

        return await self._database.write(work)

    async def of_turn(self, turn: str) -> Correction | None:
        """Give what was last said of a turn."""
        found = await self._database.read(lambda db: _found(db, "turn = ?", turn))
        return found[-1] if found else None

    async def find(self, state: CorrectionState | None = None) -> list[Correction]:
        """Give those in a state, or all: first what was settled, as it was, then what is pending, as it was said."""
        if state is None:
            return await self._database.read(lambda db: _found(db, "true"))
        return await self._database.read(lambda db: _found(db, "state = ?", state))

    async def count(self, state: CorrectionState) -> int:
        def work(db: Connection) -> int:
            (number,) = db.execute("select count(*) from corrections where state = ?", (state,)).fetchone() or (0,)
            return int(number)

        return await self._database.read(work)

    async def count_by_answered(self, since: float) -> Counter[str]:
        """Count those that were not rejected, said since then (seconds since 1970), by the domain that had answered."""

        def work(db: Connection) -> Counter[str]:
            rows = db.execute(
                """
                select answered, count(*) from corrections
                where said >= ? and state <> 'rejected' and answered is not null group by answered
                """,
                (since,),
            )
            return Counter(dict(rows))

        return await self._database.read(work)

    async def read(self, correction: str) -> Correction:
        """Raises UnknownCorrection."""
        return await self._database.read(lambda db: _one(db, correction))

    async def settle(self, correction: str, state: CorrectionState) -> Correction:
        """Accept or reject one. Raises UnknownCorrection."""

        def work(db: Connection) -> Correction:
            _one(db, correction)
            db.execute("update corrections set state = ?, settled = ? where id = ?", (state, time.time(), correction))
            return _one(db, correction)

        return await self._database.write(work)

    async def delete(self, correction: str) -> None:
        """Raises UnknownCorrection."""

        def work(db: Connection) -> None:
            _one(db, correction)
            db.execute("delete from corrections where id = ?", (correction,))

        await self._database.write(work)


def _one(db: Connection, correction: str) -> Correction:
    found = _found(db, "id = ?", correction)
    if not found:
        raise UnknownCorrection(
            f"no correction has the id {correction!r}", "It may have been deleted. List them: GET /api/corrections."
        )
    return found[0]


def _found(db: Connection, where: str, *values: str) -> list[Correction]:
    rows = db.execute(
        f"select {COLUMNS} from corrections where {where} order by settled is null, settled, sequence",  # noqa: S608  # constants
        values,
    )
    return [_correction(row) for row in rows]


def _correction(row: tuple[Any, ...]) -> Correction:
    identifier, turn, message, domain, answered, said, state = row
    return Correction(
        id=identifier,
        turn=turn,
        message=message,
        domain=domain,
        answered=answered,
        said=datetime.fromtimestamp(said, UTC),
        state=state,
    )
