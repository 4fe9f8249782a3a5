"""Access keys: shown once, kept as hashes, recognised until they are revoked or expire."""

import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mdsa_server.errors import StoreUnusable, UnknownAccessKey
from mdsa_server.store.access_keys import PREFIX, AccessKeys
from mdsa_server.store.database import Database
from mdsa_server.store.secrets import PEPPER_FILE, pepper_of
from mdsa_server.store.sign_ins import SignIns

PEPPER = b"p" * 32
NOW = datetime(2030, 5, 1, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "mdsa.sqlite3")
    yield database
    await database.close()


@pytest.fixture
async def keys(database: Database) -> AccessKeys:
    return await AccessKeys.open(database, PEPPER)


@pytest.fixture
async def sign_ins(database: Database) -> SignIns:
    return await SignIns.open(database, PEPPER)


async def test_a_key_is_known_by_its_secret_also_after_a_restart(database: Database, keys: AccessKeys) -> None:
    key, secret = await keys.create("laptop", ["chat", "documents"], domains=["code"], requests_per_minute=30)
    assert secret.startswith(PREFIX)
    assert keys.recognised(secret) == key
    again = await AccessKeys.open(database, PEPPER)
    assert again.recognised(secret) == key
    assert again.all() == [key]


async def test_the_file_holds_no_secret(tmp_path: Path, database: Database, keys: AccessKeys) -> None:
    _, secret = await keys.create("laptop", ["chat"])
    await database.close()
    assert secret.removeprefix(PREFIX).encode() not in _bytes_in(tmp_path)


@pytest.mark.parametrize("secret", ["", "mdsa_", "mdsa_" + "A" * 43, "\ud800", "x" * 100_000])
async def test_what_was_never_given_out_is_not_known(keys: AccessKeys, secret: str) -> None:
    await keys.create("laptop", ["chat"])
    assert keys.recognised(secret) is None


async def test_under_another_pepper_no_key_is_known(database: Database, keys: AccessKeys) -> None:
    _, secret = await keys.create("laptop", ["chat"])
    other = await AccessKeys.open(database, b"q" * 32)
    assert other.recognised(secret) is None


async def test_a_revoked_key_opens_nothing_and_stays_revoked_since_then(keys: AccessKeys, sign_ins: SignIns) -> None:
    key, secret = await keys.create("laptop", ["chat"])
    revoked = await keys.revoke(key.id, sign_ins)
    assert keys.recognised(secret) == revoked
    assert revoked.revoked is not None
    assert not revoked.holds(NOW)
    assert await keys.revoke(key.id, sign_ins) == revoked


async def test_a_key_holds_until_it_expires(keys: AccessKeys) -> None:
    key, _ = await keys.create("guest", ["chat"], expires=NOW)
    assert key.holds(NOW - timedelta(seconds=1))
    assert not key.holds(NOW)


async def test_keys_are_needed_until_the_last_one_is_revoked_and_not_only_until_it_expires(
    keys: AccessKeys, sign_ins: SignIns
) -> None:
    assert not keys.needed()
    key, _ = await keys.create("guest", ["chat"], expires=datetime(2020, 1, 1, tzinfo=UTC))
    assert keys.needed()
    await keys.revoke(key.id, sign_ins)
    assert not keys.needed()


async def test_a_changed_secret_opens_and_the_former_one_does_not(keys: AccessKeys, sign_ins: SignIns) -> None:
    key, former = await keys.create("laptop", ["chat"])
    rotated, secret = await keys.rotate(key.id, sign_ins)
    assert rotated.id == key.id
    assert keys.recognised(former) is None
    assert keys.recognised(secret) == rotated


async def test_where_its_browsers_cannot_be_signed_out_a_key_is_neither_revoked_nor_given_another_secret(
    database: Database, keys: AccessKeys, sign_ins: SignIns
) -> None:
    key, secret = await keys.create("laptop", ["admin"])
    token = await sign_ins.begin(key.id, NOW)
    fails = "create trigger fails before delete on sign_ins begin select raise(abort, 'as on a full disk'); end"
    await database.write(lambda db: db.execute(fails))
    for change in (keys.rotate, keys.revoke):
        with pytest.raises(StoreUnusable, match="full disk"):
            await change(key.id, sign_ins)
        assert keys.recognised(secret) == key
        assert (await AccessKeys.open(database, PEPPER)).recognised(secret) == key
        assert sign_ins.key_of(token, NOW) == key.id
    await database.write(lambda db: db.execute("drop trigger fails"))
    await keys.rotate(key.id, sign_ins)
    assert keys.recognised(secret) is None
    assert sign_ins.key_of(token, NOW) is None


async def test_there_is_no_key_of_another_id(keys: AccessKeys, sign_ins: SignIns) -> None:
    with pytest.raises(UnknownAccessKey):
        await keys.revoke("none", sign_ins)
    with pytest.raises(UnknownAccessKey):
        await keys.rotate("none", sign_ins)


async def test_the_last_use_is_kept_to_the_minute(database: Database, keys: AccessKeys) -> None:
    key, secret = await keys.create("laptop", ["chat"])
    await keys.used(key, NOW)
    first = keys.recognised(secret)
    assert first is not None
    assert first.last_used == NOW
    await keys.used(first, NOW + timedelta(seconds=30))
    assert keys.recognised(secret) == first
    await keys.used(first, NOW + timedelta(seconds=90))
    again = (await AccessKeys.open(database, PEPPER)).recognised(secret)
    assert again is not None
    assert again.last_used == NOW + timedelta(seconds=90)


def test_the_pepper_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    pepper = pepper_of(tmp_path)
    assert pepper_of(tmp_path) == pepper
    assert stat.S_IMODE((tmp_path / PEPPER_FILE).stat().st_mode) & 0o077 == 0


def test_a_damaged_pepper_is_told_rather_than_made_anew(tmp_path: Path) -> None:
    (tmp_path / PEPPER_FILE).write_bytes(b"short")
    with pytest.raises(StoreUnusable, match="damaged"):
        pepper_of(tmp_path)


def _bytes_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())
