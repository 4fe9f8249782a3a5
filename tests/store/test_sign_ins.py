"""Browsers that signed in: known by their cookies until they sign out, or stay away for too long."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mdsa_server.store.access_keys import AccessKeys
from mdsa_server.store.database import Database
from mdsa_server.store.sign_ins import IDLE, SEEN, SignIns

PEPPER = b"p" * 32


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "mdsa.sqlite3")
    yield database
    await database.close()


@pytest.fixture
async def key(database: Database) -> str:
    keys = await AccessKeys.open(database, PEPPER)
    return (await keys.create("laptop", ["chat"]))[0].id


@pytest.fixture
async def sign_ins(database: Database) -> SignIns:
    return await SignIns.open(database, PEPPER)


async def test_a_browser_is_known_until_it_signs_out(database: Database, sign_ins: SignIns, key: str) -> None:
    now = datetime.now(UTC)
    token = await sign_ins.begin(key, now)
    assert sign_ins.key_of(token, now) == key
    assert (await SignIns.open(database, PEPPER)).key_of(token, now) == key
    await sign_ins.end(token)
    assert sign_ins.key_of(token, now) is None
    assert (await SignIns.open(database, PEPPER)).key_of(token, now) is None


async def test_all_browsers_of_a_key_can_be_signed_out(database: Database, sign_ins: SignIns, key: str) -> None:
    now = datetime.now(UTC)
    tokens = [await sign_ins.begin(key, now) for _ in range(3)]
    assert await sign_ins.end_all(key) == 3
    assert {sign_ins.key_of(token, now) for token in tokens} == {None}
    assert {(await SignIns.open(database, PEPPER)).key_of(token, now) for token in tokens} == {None}


async def test_who_stays_away_too_long_is_forgotten(database: Database, sign_ins: SignIns, key: str) -> None:
    began = datetime.now(UTC) - IDLE
    token = await sign_ins.begin(key, began)
    assert sign_ins.key_of(token, began + IDLE - SEEN) == key
    assert sign_ins.key_of(token, began + IDLE) is None
    assert (await SignIns.open(database, PEPPER)).key_of(token, began) is None


async def test_who_comes_back_stays_known(database: Database, sign_ins: SignIns, key: str) -> None:
    began = datetime.now(UTC) - timedelta(days=20)
    token = await sign_ins.begin(key, began)
    back = began + timedelta(days=15)
    await sign_ins.seen(token, back)
    assert sign_ins.key_of(token, began + timedelta(days=40)) == key
    assert (await SignIns.open(database, PEPPER)).key_of(token, began + timedelta(days=40)) == key


async def test_what_no_cookie_was_made_of_is_nobody(sign_ins: SignIns) -> None:
    assert sign_ins.key_of("", datetime.now(UTC)) is None
    assert sign_ins.key_of("\ud800", datetime.now(UTC)) is None
    await sign_ins.end("nonsense")
