"""One decision from many opinions."""

from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.routing.decide import decide, forced
from mdsa_server.vocabulary.routing import Candidate, Evidence, Opinion

WORD = Evidence("keyword", "python", "code")

names = st.sampled_from(["general", "code", "handbook"])
opinions = st.lists(
    st.tuples(
        st.sampled_from(["first", "second", "third"]),
        st.lists(st.builds(Candidate, names, st.floats(0, 1)), max_size=4).map(
            lambda candidates: Opinion(candidates=tuple(candidates))
        ),
    ),
    max_size=3,
)


def test_the_surest_router_decides_and_its_evidence_is_kept() -> None:
    route = decide(
        [
            ("keyword_router", Opinion((Candidate("code", 0.6),), (WORD,))),
            ("embedding_router", Opinion((Candidate("handbook", 0.9), Candidate("code", 0.1)))),
        ],
        fallback="general",
        min_confidence=0.5,
    )
    assert (route.domain, route.confidence, route.router, route.evidence) == ("handbook", 0.9, "embedding_router", ())
    assert route.candidates == (Candidate("handbook", 0.9), Candidate("code", 0.6))


def test_of_two_equally_sure_routers_the_one_configured_first_decides() -> None:
    pair = [("b", Opinion((Candidate("code", 0.7),))), ("a", Opinion((Candidate("handbook", 0.7),)))]
    assert decide(pair, fallback="general", min_confidence=0.5).domain == "code"
    assert decide(pair[::-1], fallback="general", min_confidence=0.5).domain == "handbook"


def test_when_none_is_sure_the_fallback_answers_and_says_why() -> None:
    route = decide(
        [("keyword_router", Opinion((Candidate("code", 0.4),), (WORD,)))], fallback="general", min_confidence=0.5
    )
    assert (route.domain, route.router, route.confidence) == ("general", "fallback", 0.6)
    assert route.evidence[0].text == "no router was sure: code came to 0.40, 0.50 is asked"
    assert WORD in route.evidence


def test_a_router_may_choose_the_fallback_domain_itself() -> None:
    route = decide([("r", Opinion((Candidate("general", 0.8),)))], fallback="general", min_confidence=0.5)
    assert (route.domain, route.router, route.confidence) == ("general", "r", 0.8)


def test_a_domain_that_the_caller_named_is_certain() -> None:
    assert (forced("code").domain, forced("code").confidence, forced("code").router) == ("code", 1.0, "caller")


@given(opinions, st.floats(0, 1))
def test_every_decision_is_a_domain_someone_named_with_a_confidence_between_0_and_1(
    pairs: list[tuple[str, Opinion]], threshold: float
) -> None:
    route = decide(pairs, fallback="general", min_confidence=threshold)
    named = {candidate.domain for _, opinion in pairs for candidate in opinion.candidates}
    assert route.domain in named | {"general"}
    assert 0 <= route.confidence <= 1
    assert list(route.candidates) == sorted(route.candidates, key=lambda candidate: -candidate.confidence)
    assert len({candidate.domain for candidate in route.candidates}) == len(route.candidates)
    assert route.router == "fallback" or route.confidence >= threshold
