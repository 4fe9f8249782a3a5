"""The bar of an ingestion, on a real terminal."""

import os
import sys
from typing import Any

import msgspec
import pytest

from mdsa_server.cli.ingestion_bar import IngestionBar
from mdsa_server.vocabulary.ingestion import (
    AnyIngestionEvent,
    DocumentBegun,
    DocumentIngested,
    IngestionStarted,
    PassagesEmbedded,
)

pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals")


def shown(monkeypatch: pytest.MonkeyPatch, *events: AnyIngestionEvent) -> list[str]:
    """Give what the bar shows after each event; empty where it does not change."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        monkeypatch.setenv("COLUMNS", "100")
        lines = []
        with IngestionBar("manuals") as bar:
            for event in events:
                told: dict[str, Any] = msgspec.to_builtins(event)
                bar.tell(told.pop("type"), told)
                os.write(theirs, b"|")
                read = b""
                while not read.endswith(b"|"):
                    read += os.read(ours, 65536)
                lines.append(read[:-1].decode().rpartition("\r")[2].strip())
    os.close(ours)
    return lines


STARTED = IngestionStarted(at=0.0, collection="manuals", documents=1, bytes=1_000_000)
BEGUN = DocumentBegun(at=1.0, source="/m/large.txt", bytes=1_000_000)


def test_it_moves_within_a_file_and_tells_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    embedded = [PassagesEmbedded(at=at, source=BEGUN.source, done=done, passages=8) for at, done in ((4, 2), (8, 4))]
    _, begun, quarter, half = shown(monkeypatch, STARTED, BEGUN, *embedded)
    assert "large.txt" in begun
    assert "25%" in quarter
    assert "62 kB/s  0:00:12 left  large.txt" in quarter
    assert "50%" in half
    assert "62 kB/s  0:00:08 left" in half


def test_a_file_that_was_shown_in_part_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    embedded = PassagesEmbedded(at=2.0, source=BEGUN.source, done=4, passages=8)
    taken = DocumentIngested(at=4.0, source=BEGUN.source, outcome="new", document="d", passages=8, bytes=500_000)
    half = DocumentBegun(at=1.0, source=BEGUN.source, bytes=500_000)
    assert "50%" in shown(monkeypatch, STARTED, half, embedded, taken)[-1]


def test_a_line_stays_one_however_long_the_name_is(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = DocumentBegun(at=1.0, source="/m/" + "long" * 60, bytes=1_000_000)
    embedded = PassagesEmbedded(at=4.0, source=begun.source, done=2, passages=8)
    lines = shown(monkeypatch, STARTED, begun, embedded)
    assert max(map(len, lines)) < 100
