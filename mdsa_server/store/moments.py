"""Moments as the tables keep them, in seconds since 1970. Any number has one: a file may say anything of itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)


def moment(seconds: float) -> datetime:
    """Give the moment, the first or the last there is where it would lie beyond."""
    try:
        return EPOCH + timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        return LAST if seconds > 0 else FIRST


def seconds(when: datetime) -> float:
    """Give the seconds since 1970; a time without a zone is in UTC."""
    aware = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    return (aware - EPOCH).total_seconds()
