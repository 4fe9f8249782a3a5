"""Which domain answers: the surest candidate of any router, or the fallback when none is sure enough."""

from collections.abc import Sequence

from mdsa_server.vocabulary.routing import Candidate, Evidence, Opinion, Route

FALLBACK = "fallback"
CALLER = "caller"


def decide(opinions: Sequence[tuple[str, Opinion]], *, fallback: str, min_confidence: float) -> Route:
    """Decide from (router, opinion) pairs, given in configured order.

    The surest candidate wins; of two equally sure, the one of the router configured first. Below
    `min_confidence` the fallback answers, and its confidence is that no other domain fits: one less
    the surest candidate's.
    """
    surest: dict[str, tuple[Candidate, int]] = {}
    for place, (_, opinion) in enumerate(opinions):
        for candidate in opinion.candidates:
            known = surest.get(candidate.domain)
            if known is None or candidate.confidence > known[0].confidence:
                surest[candidate.domain] = (candidate, place)
    ranked = sorted(surest.values(), key=lambda pair: (-pair[0].confidence, pair[1]))
    candidates = tuple(candidate for candidate, _ in ranked)
    if ranked and ranked[0][0].confidence >= min_confidence:
        best, place = ranked[0]
        router, opinion = opinions[place]
        return Route(
            domain=best.domain,
            confidence=best.confidence,
            router=router,
            candidates=candidates,
            evidence=opinion.evidence,
        )
    others = [candidate.confidence for candidate in candidates if candidate.domain != fallback]
    return Route(
        domain=fallback,
        confidence=1.0 - max(others, default=0.0),
        router=FALLBACK,
        candidates=candidates,
        evidence=(_why_fallback(candidates, min_confidence), *_all_evidence(opinions)),
    )


def forced(domain: str) -> Route:
    """The route of a turn whose caller named the domain."""
    return Route(domain=domain, confidence=1.0, router=CALLER, candidates=(Candidate(domain, 1.0),))


def _why_fallback(candidates: Sequence[Candidate], min_confidence: float) -> Evidence:
    if not candidates:
        return Evidence("note", "no router had a view")
    best = candidates[0]
    return Evidence(
        "note", f"no router was sure: {best.domain} came to {best.confidence:.2f}, {min_confidence:.2f} is asked"
    )


def _all_evidence(opinions: Sequence[tuple[str, Opinion]]) -> tuple[Evidence, ...]:
    return tuple(evidence for _, opinion in opinions for evidence in opinion.evidence)
