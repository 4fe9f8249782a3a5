"""Access keys: made, listed, changed, revoked, and recognised by their secrets."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from mdsa_server.errors import UnknownAccessKey
from mdsa_server.store.database import Connection, Database
from mdsa_server.store.moments import moment, seconds
from mdsa_server.store.secrets import hashed, new_secret
from mdsa_server.store.sign_ins import SignIns
from mdsa_server.store.soundness import read_only
from mdsa_server.vocabulary.access import AccessKey, Scope
from mdsa_server.vocabulary.identifiers import new_id

PREFIX = "mdsa_"
"""What a secret begins with, so that those who look for secrets in files know one."""
# So exactly is kept when a key was last used: each request would be a write else.
USED_SECONDS = 60.0

FACTS = "id, name, scopes, domains, created, expires, revoked, last_used, requests_per_minute, tokens_per_minute"
COLUMNS = f"{FACTS}, secret_hash"


class AccessKeys:
    """All keys, in memory too: each request asks who it is from. `open` makes one."""

    def __init__(self, database: Database, pepper: bytes) -> None:
        self._database = database
        self._pepper = pepper
        self._by_hash: dict[bytes, AccessKey] = {}

    @classmethod
    async def open(cls, database: Database, pepper: bytes) -> AccessKeys:
        """Read the keys there are. Raises StoreUnusable."""
        keys = cls(database, pepper)
        await database.read(keys._remember)
        return keys

    def all(self) -> list[AccessKey]:
        """Give all keys, those that were revoked or have expired too, the oldest first."""
        return sorted(self._by_hash.values(), key=lambda key: (key.created, key.id))

    def needed(self) -> bool:
        """Whether callers must show a key: while there is one that nobody revoked. That one expires opens no door."""
        return any(key.revoked is None for key in self._by_hash.values())

    def of(self, identifier: str) -> AccessKey | None:
        """Give a key by its id."""
        return next((key for key in self._by_hash.values() if key.id == identifier), None)

    def recognised(self, secret: str) -> AccessKey | None:
        """Give the key of a secret, whether it still opens anything or not; None where there is none.

        What is compared are keyed hashes: how long that takes tells nothing of any secret.
        """
        return self._by_hash.get(hashed(secret, self._pepper))

    async def create(
        self,
        name: str,
        scopes: Sequence[Scope],
        *,
        domains: Sequence[str] = (),
        expires: datetime | None = None,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
    ) -> tuple[AccessKey, str]:
        """Make a key; give it and its secret, which is kept nowhere."""
        key = AccessKey(
            id=new_id(),
            name=name,
            scopes=tuple(scopes),
            domains=tuple(domains),
            created=moment(time.time()),
            expires=expires,
            requests_per_minute=requests_per_minute,
            tokens_per_minute=tokens_per_minute,
        )
        secret = new_secret(PREFIX)

        def work(db: Connection) -> None:
            db.execute(
                f"insert into access_keys ({COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608  # a constant
                (
                    key.id,
                    key.name,
                    msgspec.json.encode(key.scopes).decode(),
                    msgspec.json.encode(key.domains).decode(),
                    seconds(key.created),
                    seconds(key.expires) if key.expires else None,
                    None,
                    None,
                    key.requests_per_minute,
                    key.tokens_per_minute,
                    hashed(secret, self._pepper),
                ),
            )

        await self._changed(work)
        return key, secret

    async def revoke(self, identifier: str, sign_ins: SignIns) -> AccessKey:
        """Have a key open nothing any more, and sign out its browsers: both, or neither. Raises UnknownAccessKey."""

        def work(db: Connection) -> None:
            db.execute("update access_keys set revoked = coalesce(revoked, ?) where id = ?", (time.time(), identifier))
            _require_one(db, identifier)

        await self._ended(identifier, work, sign_ins)
        return self._named(identifier)

    async def rotate(self, identifier: str, sign_ins: SignIns) -> tuple[AccessKey, str]:
        """Give a key another secret; the former one opens nothing from then on. Raises UnknownAccessKey.

        Browsers that signed in with it are signed out: both, or neither. What was said with it stays its own.
        """
        secret = new_secret(PREFIX)

        def work(db: Connection) -> None:
            db.execute(
                "update access_keys set secret_hash = ? where id = ?", (hashed(secret, self._pepper), identifier)
            )
            _require_one(db, identifier)

        await self._ended(identifier, work, sign_ins)
        return self._named(identifier), secret

    async def used(self, key: AccessKey, now: datetime) -> None:
        """Take down that a key is used, to the minute."""
        if key.last_used is not None and abs((now - key.last_used).total_seconds()) < USED_SECONDS:
            return
        for digest, known in self._by_hash.items():
            if known.id == key.id:
                # At once, so that of many requests together one writes.
                self._by_hash[digest] = replace(known, last_used=now)
        await self._database.write(
            lambda db: db.execute(
                "update access_keys set last_used = ? where id = ?", (seconds(now), key.id)
            ).fetchall()
        )

    async def _changed(self, work: Callable[[Connection], None]) -> None:
        """Write, and bring what is in memory up to the file within the same turn of the writing thread."""

        def written(db: Connection) -> dict[bytes, AccessKey]:
            work(db)
            return _read(db)

        await self._database.write(written, self._take)

    async def _ended(self, identifier: str, work: Callable[[Connection], None], sign_ins: SignIns) -> None:
        """As `_changed`, and within the same transaction its sign-ins go."""

        def written(db: Connection) -> tuple[dict[bytes, AccessKey], list[bytes]]:
            work(db)
            return _read(db), sign_ins.delete(db, identifier)

        def kept(found: tuple[dict[bytes, AccessKey], list[bytes]]) -> None:
            keys, signed_out = found
            self._take(keys)
            sign_ins.forget(signed_out)

        await self._database.write(written, kept)

    def _remember(self, db: Connection) -> None:
        self._take(_read(db))

    def _take(self, keys: dict[bytes, AccessKey]) -> None:
        self._by_hash = keys

    def _named(self, identifier: str) -> AccessKey:
        return next(key for key in self._by_hash.values() if key.id == identifier)


def count_held(path: Path) -> int:
    """Count the keys that nobody revoked, in a database that may be in use. Blocks. Raises StoreUnusable."""
    return read_only(path, lambda db: int(db.execute("select count(*) from access_keys where revoked is null").get))


def _require_one(db: Connection, identifier: str) -> None:
    if not db.changes():
        raise UnknownAccessKey(f"no access key has the id {identifier!r}", "List them: mdsa keys list.")


def _read(db: Connection) -> dict[bytes, AccessKey]:
    rows: list[Any] = db.execute(f"select {COLUMNS} from access_keys").fetchall()  # noqa: S608  # a constant
    return {row[-1]: _key_of(row) for row in rows}


def _key_of(row: tuple[Any, ...]) -> AccessKey:
    identifier, name, scopes, domains, created, expires, revoked, last_used, requests, tokens, _ = row
    return AccessKey(
        id=identifier,
        name=name,
        scopes=msgspec.json.decode(scopes, type=tuple[Scope, ...]),
        domains=msgspec.json.decode(domains, type=tuple[str, ...]),
        created=moment(created),
        expires=_moment_or_none(expires),
        revoked=_moment_or_none(revoked),
        last_used=_moment_or_none(last_used),
        requests_per_minute=requests,
        tokens_per_minute=tokens,
    )


def _moment_or_none(value: float | None) -> datetime | None:
    return None if value is None else moment(value).astimezone(UTC)
