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
FEW_WORDS = 5
# As cosines of all-MiniLM-L6-v2: a few words that are a topic of their own are more like some example, ones that go on
# with another are less. With the shipped domains 18 of 19 follow-ups to a question about code stay there, and of 12 new
# topics one does.
UNLIKE = 0.45
# Nobody decides between two where the second is at least so likely as this share of the first: of two that are unsure,
# of two that are both sure, and where only the first is.
TIED_SHARE, TIED_SHARE_OF_SURE, TIED_SHARE_OF_ONE = 0.6, 0.8, 0.95


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
    """A candidate, the place of its router's opinion, what that said of it alone, and what is asked of it."""

    candidate: Candidate
    place: int
    alone: float
    """The confidence in it as if nothing had been said before."""
    asked: float

    @property
    def sure(self) -> bool:
        return max(self.candidate.confidence, self.alone) >= self.asked


def decide(
    opinions: Sequence[tuple[str, Opinion]], terms: Terms, *, message: str = "", previous: str | None = None
) -> Route:
    """Decide from (router, opinion) pairs, given in configured order; `previous` is the domain of the turn before.

    For each domain its surest router speaks; of equally sure ones, the one configured first. The domain of the turn
    before counts for more than its routers say (STAYING_ODDS). A few words that are like no example stay with it,
    unless another domain than the fallback is likely. Else two domains that are close are tied; else the surest of
    those that reach their router's threshold answers; and else the fallback does.
    """
    ranked = _ranked(opinions, terms, previous)
    candidates = tuple(standing.candidate for standing in ranked)
    doubts = [opinion.out_of_scope for _, opinion in opinions if opinion.out_of_scope is not None]
    out_of_scope = max(doubts, default=None)

    def route(standing: Standing, reason: RouteReason, tied: tuple[str, ...] = ()) -> Route:
        return Route(
            domain=standing.candidate.domain,
            confidence=standing.candidate.confidence,
            router=standing.candidate.router,
            reason=reason,
            candidates=candidates,
            tied=tied,
            out_of_scope=out_of_scope,
            threshold=standing.asked,
            evidence=_evidence(opinions, first=standing.place),
        )

    before = next((standing for standing in ranked if standing.candidate.domain == previous), None)
    sure = next((standing for standing in ranked if standing.sure), None)
    if before is not None and previous != terms.fallback and _goes_on(message, before, ranked, opinions, terms):
        return route(before, "stayed")
    # Between the fallback and another nobody need be asked: what is unsure is the fallback's.
    if (
        len(ranked) > 1
        and _tied(ranked[0], ranked[1], terms)
        and terms.fallback not in (one.domain for one in candidates[:2])
    ):
        return route(ranked[0], "tied", (candidates[0].domain, candidates[1].domain))
    if sure is not None:
        return route(sure, "stayed" if sure is before and not _sure_alone(sure, ranked, terms) else "sure")
    own = next((candidate.confidence for candidate in candidates if candidate.domain == terms.fallback), 0.0)
    return Route(
        domain=terms.fallback,
        confidence=min(1.0, own + (out_of_scope or 0.0)),
        router=FALLBACK,
        reason="out of scope" if out_of_scope is not None and out_of_scope >= 1 / 2 else "unsure",
        candidates=candidates,
        out_of_scope=out_of_scope,
        threshold=ranked[0].asked if ranked else terms.min_confidence,
        evidence=(_why_fallback(ranked), *_evidence(opinions)),
    )


def asked_for(domain: str, tied: Route | None = None) -> Route:
    """The route of a turn whose caller named the domain, at once or when asked what to do about a `tied` one."""
    if tied is None:
        tied = Route(domain=domain, confidence=1.0, router=CALLER, candidates=(Candidate(domain, 1.0),))
    return replace(tied, domain=domain, confidence=1.0, router=CALLER, reason="asked for")


def _ranked(opinions: Sequence[tuple[str, Opinion]], terms: Terms, previous: str | None) -> list[Standing]:
    surest: dict[str, Standing] = {}
    for place, (router, opinion) in enumerate(opinions):
        held = next((one.confidence for one in opinion.candidates if one.domain == previous), 0.0)
        for candidate in opinion.candidates:
            known = surest.get(candidate.domain)
            weight, asked = 1.0, terms.threshold(router)
            if candidate.domain == previous:
                # Thresholds are found from messages that stand alone, so one that goes on need not reach them.
                weight, asked = STAYING_ODDS, terms.min_confidence
            # Multiplies its odds; what it gains the others lose, so that a router's shares stay shares.
            counted = weight * candidate.confidence / (1.0 + (STAYING_ODDS - 1.0) * held)
            if known is None or counted > known.candidate.confidence:
                standing = Candidate(candidate.domain, counted, router)
                surest[candidate.domain] = Standing(standing, place, candidate.confidence, asked)
    return sorted(surest.values(), key=lambda standing: (-standing.candidate.confidence, standing.place))


def _goes_on(
    message: str,
    before: Standing,
    ranked: Sequence[Standing],
    opinions: Sequence[tuple[str, Opinion]],
    terms: Terms,
) -> bool:
    """Whether a message is so short, and so unlike all that was taught, that it goes on with what was said before."""
    if not 0 < len(message.split()) <= FEW_WORDS:
        return False
    others = [one for one in ranked if one is not before]
    if any(one.alone >= terms.min_confidence for one in others if one.candidate.domain != terms.fallback):
        return False
    fallback = next((one for one in others if one.candidate.domain == terms.fallback), None)
    if fallback is None or not fallback.sure:
        return True
    # The fallback's examples are of all kinds, and short messages seem to be its own whatever they are about.
    likeness = opinions[fallback.place][1].likeness
    return likeness is not None and likeness < UNLIKE


def _sure_alone(standing: Standing, ranked: Sequence[Standing], terms: Terms) -> bool:
    """Whether it would have reached its threshold, before all others, as a first message."""
    first = standing.alone >= max(one.alone for one in ranked)
    return first and standing.alone >= terms.threshold(standing.candidate.router)


def _tied(first: Standing, second: Standing, terms: Terms) -> bool:
    one, other = first.candidate.confidence, second.candidate.confidence
    if second.sure and not first.sure:
        return False
    share = TIED_SHARE if not first.sure else TIED_SHARE_OF_SURE if second.sure else TIED_SHARE_OF_ONE
    return one + other >= terms.min_confidence and other >= share * one


def _why_fallback(ranked: Sequence[Standing]) -> Evidence:
    if not ranked:
        return Evidence("note", "no router had a view")
    best = ranked[0].candidate
    return Evidence(
        "note", f"no router was sure: {best.domain} came to {best.confidence:.2f}, {ranked[0].asked:.2f} is asked"
    )


def _evidence(opinions: Sequence[tuple[str, Opinion]], first: int = 0) -> tuple[Evidence, ...]:
    """Give what all routers saw, one's before the others'."""
    ordered = [opinions[first], *opinions[:first], *opinions[first + 1 :]] if opinions else []
    return tuple(evidence for _, opinion in ordered for evidence in opinion.evidence)
