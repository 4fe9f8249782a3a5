"""The audit log in the database: in order, found, and bounded."""

from datetime import UTC, datetime

import pytest

from mdsa_server.errors import InvalidRequest
from mdsa_server.store.audit import FIND, FORGET, OF_ONE, AuditLog
from mdsa_server.store.database import Connection, Database
from mdsa_server.vocabulary.audit import AuditEntry


@pytest.fixture
def audit(database: Database) -> AuditLog:
    return AuditLog(database, keep=3)


def entry(
    operation: str, *, who: str = "laptop", refused: bool = False, status: int = 0, **parameters: str
) -> AuditEntry:
    return AuditEntry(
        sequence=0,
        at=datetime.now(UTC),
        key="k1" if who == "laptop" else None,
        who=who,
        address="127.0.0.1",
        operation=operation,
        parameters=parameters,
        status=status or (403 if refused else 200),
        refused=refused,
    )


async def test_entries_are_found_newest_first_and_read_on_from_the_last(audit: AuditLog) -> None:
    kept = [await audit.add(entry(f"operation {number}")) for number in range(3)]
    assert await audit.find(limit=2) == [kept[2], kept[1]]
    assert await audit.find(limit=2, before=kept[1].sequence) == [kept[0]]


async def test_entries_are_found_by_who_and_by_what(audit: AuditLog) -> None:
    disabled = await audit.add(entry("disable plugin", name="Ümlaut"))
    other = await audit.add(entry("reload", who="this machine"))
    assert await audit.find(who="laptop") == await audit.find(who="k1") == [disabled]
    assert await audit.find(what="ümLAUT") == await audit.find(what="disable") == [disabled]
    assert await audit.find(who="this machine") == [other]
    assert await audit.find(who="this machine", what="disable") == []
    assert await audit.callers() == ["laptop", "this machine"]


async def test_the_newest_stay_and_what_came_to_nothing_pushes_out_nothing_that_was_done(audit: AuditLog) -> None:
    done = [await audit.add(entry(f"operation {number}")) for number in range(5)]
    refused = [await audit.add(entry(f"attempt {number}", refused=True)) for number in range(9)]
    assert await audit.find() == [*reversed(refused[-3:]), *reversed(done[-3:])]
    failed = [await audit.add(entry(f"mistake {number}", status=404)) for number in range(9)]
    assert await audit.find() == [*reversed(failed[-3:]), *reversed(done[-3:])]


async def test_whoever_does_much_pushes_out_only_what_they_did_themselves(audit: AuditLog) -> None:
    theirs = [await audit.add(entry("revoke access key", who=who)) for who in ("this machine", "unknown")]
    for number in range(9):
        await audit.add(entry(f"operation {number}"))
    assert (await audit.find())[3:] == theirs[::-1]


async def test_the_entries_of_one_caller_are_found_and_let_go_by_an_index(database: Database) -> None:
    asked: dict[str, int | str | None] = dict.fromkeys(("who", "key", "came_to_nothing", "keep", "before", "limit"))

    def plan(db: Connection, statement: str) -> str:
        return " | ".join(str(row[3]) for row in db.execute(f"explain query plan {statement}", asked | {"what": ""}))

    found = await database.read(lambda db: plan(db, FIND.format(of_one=OF_ONE)))
    assert ["SCAN" in found, "audit_by_caller (who=?)" in found, "audit_by_key (access_key=?" in found] == [0, 1, 1], (
        found
    )
    let_go = await database.read(lambda db: plan(db, FORGET))
    assert let_go.count("audit_by_caller (who=? AND access_key=? AND <expr>=?") == 2, let_go


async def test_a_number_that_no_entry_has_is_refused(audit: AuditLog) -> None:
    for before in (0, -1, 2**70):
        with pytest.raises(InvalidRequest):
            await audit.find(before=before)
