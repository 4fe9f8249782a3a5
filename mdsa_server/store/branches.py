"""A conversation's turns as a tree: the path to one of them, the end of its branch, and what stands beside it."""

from collections.abc import Iterable, Iterator
from typing import Any

from mdsa_server.errors import InvalidRequest, UnknownTurn
from mdsa_server.store.database import Connection

# Each step goes to a turn's parent by the index of ids, and reads neither what was said nor what happened in it.
PATH = """
with recursive path (id, parent, depth) as (
    select id, parent, 0 from turns where id = :leaf
    union all
    select turns.id, turns.parent, depth + 1 from path join turns on turns.id = path.parent
    where :limit < 0 or depth + 1 < :limit
)
"""
"""The turns from `leaf` back to the first, at most `limit` of them; all where that is negative."""


def path_to(db: Connection, columns: str, leaf: str | None, limit: int = -1) -> Iterator[tuple[Any, ...]]:
    """Give the last `limit` turns of the path that ends with `leaf`, oldest first: those columns of theirs."""
    return db.execute(
        f"{PATH} select {columns} from (select path.depth, turns.* from path join turns on turns.id = path.id)"  # noqa: S608  # constants
        " order by depth desc",
        {"leaf": leaf, "limit": limit},
    )


def length_of(db: Connection, leaf: str | None) -> int:
    """Count the turns of the path that ends with `leaf`."""
    return sum(count for (count,) in db.execute(f"{PATH} select count(*) from path", bound(leaf)))  # noqa: S608


def leaf_through(db: Connection, turn: str, current: str | None) -> str:
    """Give the end of the branch that goes through a turn: `current` where it does, else what came last after it."""
    if current and db.execute(f"{PATH} select 1 from path where id = :turn", bound(current, turn=turn)).fetchone():  # noqa: S608
        return current
    # Turns come after their parents, so that the last of all that come after one is the end of its branch.
    row = db.execute(
        """
        with recursive after (id, sequence) as (
            select id, sequence from turns where id = :turn
            union all
            select turns.id, turns.sequence from after join turns on turns.parent = after.id
        )
        select id from after order by sequence desc limit 1
        """,
        {"turn": turn},
    ).fetchone()
    return str(row[0]) if row else turn


def beside(db: Connection, conversation: str, turns: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Give for each turn that has others beside it, in its place, all of them with itself, in the order they came."""
    found: dict[str, tuple[str, ...]] = {}
    for turn in turns:
        rows = db.execute(
            "select id from turns where conversation = ? and parent is (select parent from turns where id = ?)"
            " order by sequence",
            (conversation, turn),
        ).fetchall()
        if len(rows) > 1:
            found[turn] = tuple(str(row[0]) for row in rows)
    return found


def home_of(db: Connection, owner: str, turn: str, conversation: str | None) -> tuple[str, str | None]:
    """Give the conversation of a turn, and its parent. Raises UnknownTurn, or InvalidRequest where it is another's."""
    row = db.execute("select conversation, parent from turns where id = ? and owner = ?", (turn, owner)).fetchone()
    if row is None:
        raise UnknownTurn(f"no turn has the id {turn!r}", "A turn's id comes with the answer to POST /api/chat.")
    if conversation is not None and row[0] != conversation:
        raise InvalidRequest(
            f"the turn {turn!r} is of another conversation than {conversation!r}",
            "Leave the conversation out: the turn tells which one it is.",
        )
    home, parent = row
    return home, parent


def bound(leaf: str | None, **more: str | int) -> dict[str, str | int | None]:
    """Bind the parameters of PATH, for the whole of it, and others."""
    return {"leaf": leaf, "limit": -1, **more}
