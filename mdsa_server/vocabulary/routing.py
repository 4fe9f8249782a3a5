"""What routers say of a message, and what was decided."""

from typing import Literal

from msgspec import Struct

EvidenceKind = Literal["keyword", "example", "description", "note"]

OnTie = Literal["ask", "best"]
"""What is done where two domains are as good as equally likely: the user is asked, or the likelier one answers."""

RouteReason = Literal["sure", "stayed", "tied", "out of scope", "unsure", "asked for"]
"""Why a domain answers: a router was `sure` of it; the conversation `stayed` where it was; it is one of two that are
`tied`; the message seems `out of scope` for every domain, or all are `unsure`, so that the fallback answers; or the
caller `asked for` it."""


class Candidate(Struct, frozen=True):
    """A domain that might answer, and how sure a router is of it."""

    domain: str
    confidence: float
    """0 to 1."""
    router: str = ""
    """The router that is so sure of it, in a route; each domain's surest speaks, so their sum may exceed 1."""


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
    out_of_scope: float | None = None
    """How likely it is that no domain fits, 0 to 1; None where the router cannot tell."""
    likeness: float | None = None
    """How like the likest example that it was taught the message is, as a cosine; None where it does not compare."""


class Prediction(Struct, frozen=True):
    """How sure a router was of a domain for a message whose domain is known, and whether it was right."""

    confidence: float
    """0 to 1, of the domain it was surest of."""
    right: bool
    message: str = ""
    """Tells which message it was, so that two measurements can be compared; empty where that is not told."""
    in_scope: bool = True
    """Whether the message belongs to any domain that the router knew of."""


class Route(Struct, frozen=True, kw_only=True):
    """The decision: which domain answers, how sure that is, who decided, and why."""

    domain: str
    confidence: float
    """0 to 1. Where nobody was sure, and so the fallback answers: how likely it is its own, or that no domain fits."""
    router: str
    """The router that decided; `fallback` when none was sure, `caller` when the domain was asked for."""
    reason: RouteReason = "sure"
    candidates: tuple[Candidate, ...] = ()
    """The surest first; the domain of the turn before counts for more than its router said."""
    tied: tuple[str, ...] = ()
    """The two domains between which nobody could decide, the likelier first; none where it was decided."""
    out_of_scope: float | None = None
    """How likely it is that no domain fits, 0 to 1; None where no router can tell."""
    threshold: float | None = None
    """The confidence that was asked of the router that decided, or of the surest one where none was sure."""
    evidence: tuple[Evidence, ...] = ()
    seconds: float = 0.0
    """What deciding took in all."""
    embedding_seconds: float = 0.0
    """What of it was spent waiting for the message's vector."""


class RouterOpinion(Struct, frozen=True, kw_only=True):
    """What one router said of a message on its own, and how sure it had to be."""

    router: str
    opinion: Opinion
    threshold: float
    """The confidence that is asked of it, 0 to 1."""
    seconds: float
    """What it took, waiting for the message's vector included."""


class RouteTrial(Struct, frozen=True, kw_only=True):
    """A decision, with all that it was made from."""

    route: Route
    opinions: tuple[RouterOpinion, ...] = ()
    """In the order in which the routers are configured; none where the domain was asked for."""
