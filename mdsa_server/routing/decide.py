"""Which domain answers: the surest candidate of any router, or one of two that are tied, or the fallback."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from mdsa_server.vocabulary.routing import Candidate, Evidence, Opinion, Route, RouteReason

FALLBACK = "fallback"
CALLER = "caller"

# How many times as likely a conversation is to stay with its domain as a first message is to be for it: a domain at
# 0.25 counts as one at 0.5, one at 0.9 as 0.96. Weight enough to settle what is close, too little to hold a new topic.
STAYING_ODDS = 3.0
# So few words seldom name a topic: "and tomorrow?", "why is that?", "thanks". They go on with what was talked about.
FEW_WORDS = 4
# Nobody decides between two where the second is at least so likely as this share of the first.
TIED_SHARE = 0.6


@dataclass(frozen=True)
class Terms:
    """On what terms it is decided."""

    fallback: str
    min_confidence: float
    """What is asked of every router."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """By router, the confidence from which on it is right often enough; those that cannot tell have none."""

    def threshold(self, router: str) -> float:
        return max(self.min_confidence, self.thresholds.get(router, 0.0))


@dataclass(frozen=True)
class Standing:
    """A candidate, the place of its router's opinion, and the confidence that is asked of it."""

    candidate: Candidate
    place: int
    asked: float

    @property
    def sure(self) -> bool:
        return self.candidate.confidence >= self.asked


def decide(
    opinions: Sequence[tuple[str, Opinion]], terms: Terms, *, message: str = "", previous: str | None = None
) -> Route:
    """Decide from (router, opinion) pairs, given in configured order; `previous` is the domain of the turn before.

    For each domain its surest router speaks; of equally sure ones, the one configured first. The domain of the turn
    before counts for more than its routers say (STAYING_ODDS). Then the surest of those that reach their router's
    threshold answers. Where none does, a few words stay with the conversation; two domains that reach it together
    are tied if they are close; and otherwise the fallback answers, its confidence being that no other domain fits.
    """
    ranked = _ranked(opinions, terms, previous)
    candidates = tuple(standing.candidate for standing in ranked)
    doubts = [opinion.out_of_scope for _, opinion in opinions if opinion.out_of_scope is not None]
    out_of_scope = max(doubts, default=None)

    def route(standing: Standing, reason: RouteReason) -> Route:
        router, opinion = opinions[standing.place]
        return Route(
            domain=standing.candidate.domain,
            confidence=standing.candidate.confidence,
            router=router,
            reason=reason,
            candidates=candidates,
            out_of_scope=out_of_scope,
            threshold=standing.asked,
            evidence=opinion.evidence,
        )

    before = next((standing for standing in ranked if standing.candidate.domain == previous), None)
    sure = next((standing for standing in ranked if standing.sure), None)
    if sure is not None:
        stayed = sure is before and not _sure_alone(sure, opinions, terms)
        return route(sure, "stayed" if stayed else "sure")
    if before is not None and previous != terms.fallback and 0 < len(message.split()) <= FEW_WORDS:
        return route(before, "stayed")
    # Between the fallback and another nobody need be asked: what is unsure is the fallback's.
    if len(ranked) > 1 and _tied(*ranked[:2]) and terms.fallback not in (one.domain for one in candidates[:2]):
        return route(ranked[0], "tied")
    others = [candidate.confidence for candidate in candidates if candidate.domain != terms.fallback]
    return Route(
        domain=terms.fallback,
        confidence=1.0 - max(others, default=0.0),
        router=FALLBACK,
        reason="out of scope" if out_of_scope is not None and out_of_scope >= 1 / 2 else "unsure",
        candidates=candidates,
        out_of_scope=out_of_scope,
        threshold=ranked[0].asked if ranked else terms.min_confidence,
        evidence=(_why_fallback(ranked), *_all_evidence(opinions)),
    )


def asked_for(domain: str, tied: Route | None = None) -> Route:
    """The route of a turn whose caller named the domain, at once or when asked what to do about a `tied` one."""
    if tied is None:
        tied = Route(domain=domain, confidence=1.0, router=CALLER, candidates=(Candidate(domain, 1.0),))
    return replace(tied, domain=domain, confidence=1.0, router=CALLER, reason="asked for")


def _ranked(opinions: Sequence[tuple[str, Opinion]], terms: Terms, previous: str | None) -> list[Standing]:
    surest: dict[str, Standing] = {}
    for place, (router, opinion) in enumerate(opinions):
        for candidate in opinion.candidates:
            known = surest.get(candidate.domain)
            counted, asked = candidate, terms.threshold(router)
            if candidate.domain == previous:
                # Thresholds are found from messages that stand alone, so one that goes on need not reach them.
                counted, asked = Candidate(candidate.domain, _staying(candidate)), terms.min_confidence
            if known is None or counted.confidence > known.candidate.confidence:
                surest[candidate.domain] = Standing(counted, place, asked)
    return sorted(surest.values(), key=lambda standing: (-standing.candidate.confidence, standing.place))


def _staying(candidate: Candidate) -> float:
    """Multiply the odds of a confidence, which stays between 0 and 1."""
    weighted = STAYING_ODDS * candidate.confidence
    return weighted / (weighted + 1.0 - candidate.confidence)


def _sure_alone(standing: Standing, opinions: Sequence[tuple[str, Opinion]], terms: Terms) -> bool:
    """Whether it would have reached its threshold, before all others, as a first message."""
    router, opinion = opinions[standing.place]
    own = max(one.confidence for one in opinion.candidates if one.domain == standing.candidate.domain)
    others = (candidate.confidence for _, opinion in opinions for candidate in opinion.candidates)
    return own >= terms.threshold(router) and own >= max(others)


def _tied(first: Standing, second: Standing) -> bool:
    one, other = first.candidate.confidence, second.candidate.confidence
    return one + other >= max(first.asked, second.asked) and other >= TIED_SHARE * one


def _why_fallback(ranked: Sequence[Standing]) -> Evidence:
    if not ranked:
        return Evidence("note", "no router had a view")
    best = ranked[0].candidate
    return Evidence(
        "note", f"no router was sure: {best.domain} came to {best.confidence:.2f}, {ranked[0].asked:.2f} is asked"
    )


def _all_evidence(opinions: Sequence[tuple[str, Opinion]]) -> tuple[Evidence, ...]:
    return tuple(evidence for _, opinion in opinions for evidence in opinion.evidence)
