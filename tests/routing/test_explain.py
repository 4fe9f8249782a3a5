"""Every decision can be said in a sentence."""

import pytest

from mdsa_server.routing.decide import Terms, asked_for, decide
from mdsa_server.routing.explain import explain
from mdsa_server.vocabulary.routing import Candidate, Opinion

TERMS = Terms(fallback="general", min_confidence=0.5, thresholds={"r": 0.8})


def said(message: str = "", previous: str | None = None, out_of_scope: float = 0.0, **confidences: float) -> str:
    opinion = Opinion(tuple(Candidate(*pair) for pair in confidences.items()), out_of_scope=out_of_scope)
    return explain(decide([("r", opinion)] if confidences else [], TERMS, message=message, previous=previous))


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        (said(code=0.9), "r is sure enough: 80% is asked."),
        (said(code=0.6, handbook=0.1), "code came closest, 80% is asked. So the fallback answers."),
        (said(code=0.5, handbook=0.4), "code and handbook were too close to tell apart"),
        (said(code=0.1, out_of_scope=0.9), "belong to none of the domains"),
        (said("why?", "code", code=0.3), "The conversation was there before"),
        (said(), "No router had a view"),
        (explain(asked_for("code")), "You asked for this domain."),
    ],
)
def test_the_reason_is_told(sentence: str, words: str) -> None:
    assert words in sentence
