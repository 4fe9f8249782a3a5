"""One transaction: kept whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager

import apsw


@contextmanager
def transaction(connection: apsw.Connection, kind: str = "deferred") -> Iterator[None]:
    """Commit when the block ends, roll back when it raises. `kind`: `immediate` for a write.

    The driver's own context manager cannot be used: SQLite rolls back by itself when a disk is full, and
    the driver's second rollback would then hide why.
    """
    connection.execute(f"begin {kind}")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise
