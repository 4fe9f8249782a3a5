"""The audit log: what was done to the server, by whom, and what was refused."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from mdsa_server.errors import InvalidRequest
from mdsa_server.store.database import Connection, Database
from mdsa_server.store.moments import moment, seconds
from mdsa_server.vocabulary.audit import AuditEntry

COLUMNS = "at, access_key, who, address, operation, parameters, status, refused"


class AuditLog:
    """Entries, newest first. `keep` bounds those of what was done, and apart from them those of what was refused.

    Apart, so that whoever is refused again and again cannot push out what was done.
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
            db.execute(
                "delete from audit where refused = ?1 and sequence <="
                " (select sequence from audit where refused = ?1 order by sequence desc limit 1 offset ?2)",
                (int(entry.refused), self._keep),
            )
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

        def work(db: Connection) -> list[AuditEntry]:
            rows = db.execute(
                f"""
                select sequence, {COLUMNS} from audit
                where (:who is null or who = :who or access_key = :who)
                  and (:before is null or sequence < :before)
                  and (:what = '' or instr(casefold(operation || ' ' || parameters), :what) > 0)
                order by sequence desc limit :limit
                """,  # noqa: S608  # a constant; what is asked for is bound
                {"who": who, "before": before, "what": what.strip().casefold(), "limit": limit},
            )
            return [_entry_of_row(row) for row in rows]

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
