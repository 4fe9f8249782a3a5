"""How far an ingestion is, kept up to date by its events."""

from __future__ import annotations

from collections import Counter

from mdsa_server.vocabulary.ingestion import (
    AnyIngestionEvent,
    DocumentBegun,
    DocumentGone,
    DocumentIngested,
    DocumentRefused,
    IngestionFailed,
    IngestionFinished,
    IngestionStarted,
    PassagesEmbedded,
)
from mdsa_server.vocabulary.problem import Problem

# Of a folder full of what cannot be read, so many refusals are held; all of them are counted.
MOST_REFUSALS = 200


class Progress:
    """Grows by `tell`."""

    def __init__(self, collection: str) -> None:
        self.collection = collection
        self.started: IngestionStarted | None = None
        self.finished: IngestionFinished | None = None
        self.problem: Problem | None = None
        """Why it failed, if it did."""
        self.at = 0.0
        """Seconds that it had taken when the last event was told."""
        self.passages = 0
        self.refusals: list[DocumentRefused] = []
        self._counts: Counter[str] = Counter()
        self._bytes = 0
        self._at_work: dict[str, tuple[int, float]] = {}
        """Documents being taken in, each with its bytes and the share of it that is done."""

    @property
    def ended(self) -> bool:
        return self.finished is not None or self.problem is not None

    @property
    def documents(self) -> int:
        """How many are done, refused ones included."""
        return self._counts.total() - self._counts["gone"]

    @property
    def bytes(self) -> int:
        """How many bytes are done, of documents that are at work a part."""
        return self._bytes + sum(int(size * share) for size, share in self._at_work.values())

    @property
    def share(self) -> float:
        """How much of it is done, from 0 to 1."""
        if self.finished is not None:
            return 1.0
        return min(self.bytes / self.started.bytes, 1.0) if self.started and self.started.bytes else 0.0

    @property
    def at_work(self) -> list[str]:
        """The documents that are being taken in, the longest there first."""
        return list(self._at_work)

    def count(self, outcome: str) -> int:
        """How many documents are new, changed, unchanged, gone or refused."""
        return self._counts[outcome]

    def rate(self, seconds: float) -> float:
        """Bytes a second, so many seconds after it began."""
        return self.bytes / seconds if seconds > 0 else 0.0

    def seconds_left(self, seconds: float) -> float | None:
        """How long it may yet take; None where too little is done to tell."""
        if self.started is None or self.share < 0.01 or self.ended:
            return None
        return (self.started.bytes - self.bytes) / self.rate(seconds) if self.rate(seconds) else None

    def tell(self, event: AnyIngestionEvent) -> None:
        self.at = event.at
        match event:
            case IngestionStarted():
                self.started = event
            case DocumentBegun(source=source, bytes=size):
                self._at_work[source] = (size, 0.0)
            case PassagesEmbedded(source=source, done=done, passages=passages) if source in self._at_work:
                self._at_work[source] = (self._at_work[source][0], done / passages)
            case DocumentIngested(source=source, outcome=outcome, bytes=size, passages=made):
                self.passages += made
                self._done(source, outcome, size)
            case DocumentRefused(source=source, bytes=size):
                if len(self.refusals) < MOST_REFUSALS:
                    self.refusals.append(event)
                self._done(source, "refused", size)
            case DocumentGone():
                self._counts["gone"] += 1
            case IngestionFinished():
                self.finished = event
            case IngestionFailed(problem=problem):
                self.problem = problem
                self._at_work.clear()
            case _:
                pass

    def _done(self, source: str, outcome: str, size: int) -> None:
        self._at_work.pop(source, None)
        self._counts[outcome] += 1
        self._bytes += size
