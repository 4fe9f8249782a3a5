"""Identifiers are UUIDs of version 7 that sort by time."""

import time
import uuid

import pytest

from mdsa_server.vocabulary.identifiers import new_id


def test_an_identifier_is_a_uuid_of_version_7() -> None:
    made = uuid.UUID(new_id())
    assert (made.version, made.variant) == (7, uuid.RFC_4122)


def test_identifiers_sort_by_time_below_the_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = [1_700_000_000_000_000_000 + step * 300 for step in range(1000)]
    clock = iter(moments)
    monkeypatch.setattr(time, "time_ns", lambda: next(clock))
    made = [new_id() for _ in moments]
    assert made == sorted(made)


def test_identifiers_of_one_moment_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_700_000_000_000_000_000)
    assert len({new_id() for _ in range(1000)}) == 1000
