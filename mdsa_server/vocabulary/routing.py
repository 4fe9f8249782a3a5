"""What routers say of a message, and what was decided."""

from typing import Literal

from msgspec import Struct

EvidenceKind = Literal["keyword", "example", "description", "note"]


class Candidate(Struct, frozen=True):
    """A domain that might answer, and how sure a router is of it."""

    domain: str
    confidence: float
    """0 to 1."""


class Evidence(Struct, frozen=True):
    """One thing that a router saw, in words a person can check."""

    kind: EvidenceKind
    text: str
    domain: str | None = None
    weight: float | None = None
    """How much it counted, in the router's own unit (a similarity, a share); None where it has no number."""


class Opinion(Struct, frozen=True):
    """What one router thinks of one message: candidates, surest first, and why."""

    candidates: tuple[Candidate, ...] = ()
    evidence: tuple[Evidence, ...] = ()


class Route(Struct, frozen=True, kw_only=True):
    """The decision: which domain answers, how sure that is, who decided, and why."""

    domain: str
    confidence: float
    """0 to 1. For a fallback: how sure it is that no other domain fits."""
    router: str
    """The router that decided; `fallback` when none was sure, `caller` when the domain was asked for."""
    candidates: tuple[Candidate, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    seconds: float = 0.0
