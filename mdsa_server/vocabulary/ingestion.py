"""What happens while documents are taken in, as one stream of events that every surface renders."""

from typing import Literal

from msgspec import Struct

from mdsa_server.vocabulary.problem import Problem


class IngestionEvent(Struct, frozen=True, kw_only=True, tag_field="type"):
    """What all events of an ingestion share."""

    at: float
    """Seconds since it began."""


class IngestionStarted(IngestionEvent, frozen=True, tag="ingestion_started"):
    collection: str
    documents: int
    bytes: int
    """Of all files together: what is done of them tells how far it is."""


class DocumentBegun(IngestionEvent, frozen=True, tag="document_begun"):
    """The document is being read, if only to see whether it has changed."""

    source: str
    bytes: int


class PassagesEmbedded(IngestionEvent, frozen=True, tag="passages_embedded"):
    """A part of a large document has its vectors."""

    source: str
    done: int
    passages: int


class DocumentIngested(IngestionEvent, frozen=True, tag="document_ingested"):
    """The document is kept, whole."""

    source: str
    outcome: Literal["new", "changed", "unchanged"]
    document: str | None
    """Its id; None where it was unchanged, and was not to be read anew."""
    passages: int
    bytes: int


class DocumentRefused(IngestionEvent, frozen=True, tag="document_refused"):
    """The document cannot be taken in; what was kept of it before stays, and the problem says so. The others go on."""

    source: str
    problem: Problem
    bytes: int


class DocumentGone(IngestionEvent, frozen=True, tag="document_gone"):
    """The file is no longer in the folder; what was kept of it was deleted."""

    source: str


class IngestionFinished(IngestionEvent, frozen=True, tag="ingestion_finished"):
    new: int
    changed: int
    unchanged: int
    gone: int
    refused: int
    passages: int


class IngestionFailed(IngestionEvent, frozen=True, tag="ingestion_failed"):
    """It ended before its end, for a reason that every document has; what was kept until then stays."""

    problem: Problem


AnyIngestionEvent = (
    IngestionStarted
    | DocumentBegun
    | PassagesEmbedded
    | DocumentIngested
    | DocumentRefused
    | DocumentGone
    | IngestionFinished
    | IngestionFailed
)
