"""The audit log: what was done to the server, by whom, and what was refused or failed."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from mdsa_server.errors import InvalidRequest
from mdsa_server.store.database import Connection, Database
from mdsa_server.store.moments import moment, seconds
from mdsa_server.vocabulary.audit import AuditEntry

# As in the index `audit_by_caller`, which serves it in these words alone.
CAME_TO_NOTHING = "(refused or status >= 400)"
COLUMNS = "at, access_key, who, address, operation, parameters, status, refused"

OF_A_CALLER = f"who = :who and access_key is :key and {CAME_TO_NOTHING} = :came_to_nothing"
FORGET = f"""
delete from audit where {OF_A_CALLER} and sequence <=
  (select sequence from audit where {OF_A_CALLER} order by sequence desc limit 1 offset :keep)
"""  # noqa: S608  # constants
FIND = f"""
select sequence, {COLUMNS} from audit
where (:before is null or sequence < :before)
  and (:what = '' or instr(casefold(operation || ' ' || parameters), :what) > 0)
  {{of_one}}
order by sequence desc limit :limit
"""  # noqa: S608  # likewise
OF_ONE = "and (who = :who or access_key = :who)"


class AuditLog:
    """Entries, newest first. `keep` bounds those of each caller: what was done, and apart from it what came to nothing.

    So nobody, however often they ask, pushes out what others did; nor do refusals push out what was done. A caller is
    a key, this machine, or all of whom nothing is known.
    """

    def __init__(self, database: Database, keep: int) -> None:
        self._database = database
        self._keep = keep

    async def add(self, entry: AuditEntry) -> AuditEntry:
        """Keep an entry; give it with its place in the order. Raises StoreUnusable."""

        def work(db: Connection) -> int:
            row = (
                *(seconds(entry.at), entry.key, entry.who, entry.address, entry.operation),
                *(msgspec.json.encode(entry.parameters).decode(), entry.status, int(entry.refused)),
            )
            db.execute(f"insert into audit ({COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608  # a constant
            sequence = db.last_insert_rowid()
            whose = {"who": entry.who, "key": entry.key, "came_to_nothing": entry.came_to_nothing}
            db.execute(FORGET, whose | {"keep": self._keep})
            return sequence

        return replace(entry, sequence=await self._database.write(work))

    async def find(
        self, *, who: str | None = None, what: str = "", before: int | None = None, limit: int = 50
    ) -> list[AuditEntry]:
        """Give entries, newest first; `before` is the `sequence` of the last one already had.

        `who` is a key's id or name, or another name that entries have; `what` is a part of what was done or to what.
        Raises InvalidRequest for a number that no entry can have.
        """
        if before is not None and not 0 < before < 2**63:
            raise InvalidRequest(f"before: no entry has the number {before}", "Give the `next` of the last answer.")
        asked = {"who": who, "before": before, "what": what.strip().casefold(), "limit": limit}

        # Only where it is asked for: no index serves a condition that may be none.
        statement = FIND.format(of_one="" if who is None else OF_ONE)

        def work(db: Connection) -> list[AuditEntry]:
            return [_entry_of_row(row) for row in db.execute(statement, asked)]

        return await self._database.read(work)

    async def callers(self) -> list[str]:
        """Name all of whom there is an entry."""
        return await self._database.read(
            lambda db: [str(name) for (name,) in db.execute("select distinct who from audit order by who")]
        )


def _entry_of_row(row: tuple[Any, ...]) -> AuditEntry:
    sequence, at, key, who, address, operation, parameters, status, refused = row
    return AuditEntry(
        sequence=sequence,
        at=moment(at),
        key=key,
        who=who,
        address=address,
        operation=operation,
        parameters=msgspec.json.decode(parameters, type=dict[str, str]),
        status=status,
        refused=bool(refused),
    )
