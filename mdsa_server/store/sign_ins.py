"""Browsers that signed in with an access key: each has a cookie, and here is what is kept of it."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

from mdsa_server.store.database import Connection, Database
from mdsa_server.store.moments import moment, seconds
from mdsa_server.store.secrets import hashed, new_secret

# Who does not come back for so long signs in again.
IDLE = timedelta(days=30)
# So exactly is kept when a browser was last seen.
SEEN = timedelta(hours=1)


class SignIns:
    """All of them, in memory too: each page asks who reads it. `open` makes one."""

    def __init__(self, database: Database, pepper: bytes) -> None:
        self._database = database
        self._pepper = pepper
        self._known: dict[bytes, tuple[str, datetime]] = {}

    @classmethod
    async def open(cls, database: Database, pepper: bytes) -> SignIns:
        """Read those that still hold; forget the others. Raises StoreUnusable."""
        found = cls(database, pepper)

        def work(db: Connection) -> dict[bytes, tuple[str, datetime]]:
            db.execute("delete from sign_ins where seen < ?", (time.time() - IDLE.total_seconds(),))
            rows: list[Any] = db.execute("select token_hash, access_key, seen from sign_ins").fetchall()
            return {digest: (key, moment(seen)) for digest, key, seen in rows}

        found._known = await database.write(work)
        return found

    async def begin(self, key: str, now: datetime) -> str:
        """Sign a browser in with a key, by the key's id; give what its cookie is to hold."""
        token = new_secret("")
        digest = hashed(token, self._pepper)

        def work(db: Connection) -> None:
            db.execute(
                "insert into sign_ins (token_hash, access_key, began, seen) values (?, ?, ?, ?)",
                (digest, key, seconds(now), seconds(now)),
            )

        # Within the same turn of the writing thread, so that who is signed out after this is.
        await self._database.write(work, lambda _: self._known.update({digest: (key, now)}))
        return token

    def key_of(self, token: str, now: datetime) -> str | None:
        """Give the id of the key that a browser signed in with; None where it did not, or too long ago."""
        key, seen = self._known.get(hashed(token, self._pepper), (None, now))
        return key if now - seen < IDLE else None

    async def seen(self, token: str, now: datetime) -> None:
        """Take down that a browser came back, to the hour."""
        digest = hashed(token, self._pepper)
        key, seen = self._known.get(digest, (None, now))
        if key is None or abs(now - seen) < SEEN:
            return
        self._known[digest] = (key, now)
        await self._database.write(
            lambda db: db.execute(
                "update sign_ins set seen = ? where token_hash = ?", (seconds(now), digest)
            ).fetchall()
        )

    async def end(self, token: str) -> None:
        """Sign a browser out."""
        digest = hashed(token, self._pepper)
        self._known.pop(digest, None)
        await self._database.write(
            lambda db: db.execute("delete from sign_ins where token_hash = ?", (digest,)).fetchall()
        )

    async def end_all(self, key: str) -> int:
        """Sign out every browser that signed in with a key; give how many."""

        gone = await self._database.write(lambda db: self.delete(db, key), self.forget)
        return len(gone)

    def delete(self, db: Connection, key: str) -> list[bytes]:
        """Delete those of a key within a transaction of another's; give what to `forget` once that is kept."""
        rows: list[Any] = db.execute("select token_hash from sign_ins where access_key = ?", (key,)).fetchall()
        db.execute("delete from sign_ins where access_key = ?", (key,))
        return [digest for (digest,) in rows]

    def forget(self, deleted: list[bytes]) -> None:
        """Bring what is in memory up to the file, in the writing thread."""
        for digest in deleted:
            self._known.pop(digest, None)
