"""Which passages a search is about, as SQL."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from mdsa_server.store.moments import seconds
from mdsa_server.vocabulary.documents import PassageFilter

PASSAGES = """passages join documents on documents.sequence = passages.document
    join collections on collections.id = documents.collection"""
"""What a condition is on."""


class Where(NamedTuple):
    """A condition on rows of PASSAGES, with its values."""

    sql: str
    values: tuple[str | float, ...]


def where_of(wanted: PassageFilter) -> Where:
    """Give the condition under which a document's passages are wanted."""
    parts: list[tuple[str, *tuple[str | float, ...]]] = []
    if wanted.collections is not None:
        parts.append(("collections.name in (select value from json_each(?))", _json(wanted.collections)))
    if wanted.source is not None:
        # A name may hold signs of a pattern, and is meant itself then.
        parts.append(("(documents.source = ? or documents.source glob ?)", wanted.source, wanted.source))
    if wanted.types:
        parts.append(("documents.type in (select value from json_each(?))", _json(wanted.types)))
    if wanted.tags:
        lacking = "select 1 from json_each(?) where value not in (select value from json_each(documents.tags))"
        parts.append((f"not exists ({lacking})", _json(wanted.tags)))
    if wanted.since is not None:
        parts.append(("documents.modified >= ?", seconds(wanted.since)))
    if wanted.until is not None:
        parts.append(("documents.modified < ?", seconds(wanted.until)))
    sql = " and ".join(sql for sql, *_ in parts) or "true"
    return Where(sql, tuple(value for _, *values in parts for value in values))


def ids_of(where: Where) -> str:
    """Give the query for the ids of the passages that meet it."""
    return f"select passages.id from {PASSAGES} where {where.sql}"  # noqa: S608  # made of constants


def _json(words: tuple[str, ...]) -> str:
    return msgspec.json.encode(words).decode()
