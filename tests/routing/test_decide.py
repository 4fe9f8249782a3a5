"""One decision from many opinions."""

from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.routing.decide import STAYING_ODDS, TIED_SHARE, Terms, asked_for, decide
from mdsa_server.vocabulary.routing import Candidate, Evidence, Opinion

WORD = Evidence("keyword", "python", "code")

TERMS = Terms(fallback="general", min_confidence=0.5)

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
        TERMS,
    )
    assert (route.domain, route.confidence, route.router) == ("handbook", 0.9, "embedding_router")
    assert route.candidates == (
        Candidate("handbook", 0.9, "embedding_router"),
        Candidate("code", 0.6, "keyword_router"),
    )
    assert route.evidence == (WORD,), "what made the others likely is told too"


def test_of_two_equally_sure_routers_the_one_configured_first_decides() -> None:
    pair = [("b", Opinion((Candidate("code", 0.7),))), ("a", Opinion((Candidate("handbook", 0.7),)))]
    assert decide(pair, TERMS).domain == "code"
    assert decide(pair[::-1], TERMS).domain == "handbook"


def test_when_none_is_sure_the_fallback_answers_and_says_why() -> None:
    route = decide([("keyword_router", Opinion((Candidate("code", 0.4),), (WORD,)))], TERMS)
    assert (route.domain, route.router, route.confidence) == ("general", "fallback", 0.0)
    assert route.evidence[0].text == "no router was sure: code came to 0.40, 0.50 is asked"
    assert WORD in route.evidence


def test_a_fallback_is_as_sure_as_it_is_likely_to_be_its_own_or_nobodys() -> None:
    route = decide([opinion_of(0.25, code=0.4, general=0.2, handbook=0.15)], TERMS)
    assert (route.domain, route.reason, route.confidence) == ("general", "unsure", 0.45)


def test_a_router_may_choose_the_fallback_domain_itself() -> None:
    route = decide([("r", Opinion((Candidate("general", 0.8),)))], TERMS)
    assert (route.domain, route.router, route.confidence) == ("general", "r", 0.8)


def test_a_domain_that_the_caller_named_is_certain() -> None:
    route = asked_for("code")
    assert (route.domain, route.confidence, route.router, route.reason) == ("code", 1.0, "caller", "asked for")


@given(opinions, st.floats(0, 1))
def test_every_decision_is_a_domain_someone_named_with_a_confidence_between_0_and_1(
    pairs: list[tuple[str, Opinion]], threshold: float
) -> None:
    route = decide(pairs, Terms(fallback="general", min_confidence=threshold))
    named = {candidate.domain for _, opinion in pairs for candidate in opinion.candidates}
    assert route.domain in named | {"general"}
    assert 0 <= route.confidence <= 1
    assert list(route.candidates) == sorted(route.candidates, key=lambda candidate: -candidate.confidence)
    assert len({candidate.domain for candidate in route.candidates}) == len(route.candidates)
    assert route.reason in ("unsure", "tied") or route.confidence >= threshold
    assert (route.router == "fallback") == (route.reason == "unsure")
    assert len(route.tied) == (2 if route.reason == "tied" else 0)


def opinion_of(out_of_scope: float | None = None, **confidences: float) -> tuple[str, Opinion]:
    candidates = sorted((Candidate(*pair) for pair in confidences.items()), key=lambda one: -one.confidence)
    return "r", Opinion(tuple(candidates), out_of_scope=out_of_scope)


# --- thresholds, scope, ties


def test_each_router_has_to_reach_its_own_threshold() -> None:
    pair = [("b", Opinion((Candidate("code", 0.8),))), ("a", Opinion((Candidate("handbook", 0.7),)))]
    terms = Terms(fallback="general", min_confidence=0.5, thresholds={"b": 0.9})
    route = decide(pair, terms)
    assert (route.domain, route.router, route.threshold) == ("handbook", "a", 0.5)


def test_what_no_domain_fits_goes_to_the_fallback_and_is_marked_so() -> None:
    route = decide([opinion_of(0.8, code=0.15, handbook=0.05)], TERMS)
    assert (route.domain, route.reason, route.out_of_scope) == ("general", "out of scope", 0.8)
    assert decide([opinion_of(0.3, code=0.4, handbook=0.05)], TERMS).reason == "unsure"


def test_two_that_are_close_and_reach_the_threshold_together_are_tied() -> None:
    route = decide([opinion_of(code=0.4, handbook=0.35)], TERMS)
    assert (route.domain, route.reason, route.tied) == ("code", "tied", ("code", "handbook"))
    for clear in (opinion_of(code=0.4, handbook=TIED_SHARE * 0.4 - 0.01), opinion_of(code=0.25, handbook=0.2)):
        assert decide([clear], TERMS).tied == ()


def test_of_two_that_are_sure_those_that_are_close_are_tied() -> None:
    pair = [("a", Opinion((Candidate("code", 0.8),))), ("b", Opinion((Candidate("handbook", 0.7),)))]
    assert decide(pair, TERMS).tied == ("code", "handbook")
    clear = [pair[0], ("b", Opinion((Candidate("handbook", 0.6),)))]
    assert (decide(clear, TERMS).domain, decide(clear, TERMS).reason) == ("code", "sure")
    nearly = opinion_of(code=0.501, handbook=0.499)
    assert decide([nearly], TERMS).tied == ("code", "handbook"), "a hair's breadth over the threshold decides nothing"


# --- follow-ups


def test_a_few_words_that_name_no_topic_stay_with_the_conversation() -> None:
    nothing = opinion_of(0.9, code=0.06, handbook=0.04)
    route = decide([nothing], TERMS, message="and tomorrow?", previous="code")
    assert (route.domain, route.reason) == ("code", "stayed")
    assert decide([nothing], TERMS, message="and tomorrow?").reason == "out of scope"
    long = decide([nothing], TERMS, message="who won the world cup in 1998", previous="code")
    assert (long.domain, long.reason) == ("general", "out of scope")


def test_a_few_words_that_only_the_fallback_claims_stay_unless_they_are_like_an_example() -> None:
    def said(likeness: float | None) -> Opinion:
        return Opinion((Candidate("general", 0.85), Candidate("code", 0.08)), likeness=likeness)

    for likeness, domain in ((0.2, "code"), (0.9, "general"), (None, "general")):
        route = decide([("r", said(likeness))], TERMS, message="and tomorrow?", previous="code")
        assert route.domain == domain, likeness
    long = decide([("r", said(0.2))], TERMS, message="could you book me a table for tonight", previous="code")
    assert long.domain == "general"


def test_a_few_words_that_another_domain_may_claim_are_not_held() -> None:
    route = decide([opinion_of(code=0.05, handbook=0.45, general=0.1)], TERMS, message="and twice?", previous="code")
    assert (route.domain, route.reason) == ("code", "stayed")
    terms = Terms(fallback="general", min_confidence=0.5, thresholds={"r": 0.9})
    route = decide([opinion_of(code=0.05, handbook=0.88)], terms, message="what do cats eat", previous="code")
    assert (route.domain, route.reason) == ("general", "unsure")


def test_a_clear_new_topic_moves_at_once_however_few_its_words() -> None:
    route = decide([opinion_of(code=0.2, handbook=0.75)], TERMS, message="install it", previous="code")
    assert (route.domain, route.reason) == ("handbook", "sure")


def test_the_conversations_domain_wins_what_is_close_and_the_route_says_that_it_stayed() -> None:
    route = decide([opinion_of(code=0.42, handbook=0.5)], TERMS, message="how is that set up then", previous="code")
    assert (route.domain, route.reason) == ("code", "stayed")
    alone = decide([opinion_of(code=0.9, handbook=0.05)], TERMS, previous="code")
    assert (alone.domain, alone.reason) == ("code", "sure")


@given(st.floats(0, 1), st.floats(0, 1))
def test_to_have_been_talked_about_weighs_as_much_as_stated_and_is_no_lock(own: float, other: float) -> None:
    terms = Terms(fallback="general", min_confidence=0.0)
    route = decide([opinion_of(code=own, handbook=other)], terms, previous="code")
    assert route.domain == ("handbook" if other > STAYING_ODDS * own else "code")
    assert 0 <= route.confidence <= 1
