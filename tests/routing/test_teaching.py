"""Accepted corrections become examples, and a router that gets worse by one is told from one that does not."""

from datetime import UTC, datetime

import pytest

from mdsa_server.routing.teaching import compared, strangers, taught, worse
from mdsa_server.vocabulary.corrections import Correction, HeldOut
from mdsa_server.vocabulary.domain import Domain, Example
from mdsa_server.vocabulary.routing import Prediction

SOUP, LOOP = "lentil soup", "a for loop"
DOMAINS = (
    Domain(name="code", description="", examples=(Example(LOOP, "loops"),)),
    Domain(name="cooking", description=""),
)


def said(message: str, domain: str | None) -> Correction:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Correction(
        id=message, turn=None, message=message, domain=domain, answered="code", said=now, state="accepted"
    )


def examples(*accepted: Correction) -> dict[str, list[str]]:
    return {domain.name: [example.text for example in domain.examples] for domain in taught(DOMAINS, accepted)}


def test_a_correction_is_an_example_of_its_domain() -> None:
    assert examples(said(SOUP, "cooking")) == {"code": [LOOP], "cooking": [SOUP]}


def test_a_message_is_an_example_of_the_domain_it_was_last_said_to_belong_to() -> None:
    assert examples(said(LOOP, "cooking")) == {"code": [], "cooking": [LOOP]}
    assert examples(said(LOOP, "cooking"), said(LOOP, "code")) == {"code": [LOOP], "cooking": []}
    assert examples(said(LOOP, None)) == {"code": [], "cooking": []}


def test_an_example_that_is_known_keeps_its_intent() -> None:
    assert taught(DOMAINS, [said(LOOP, "code")])[0].examples == (Example(LOOP, "loops"),)


def test_a_correction_for_a_domain_that_is_not_there_teaches_nothing() -> None:
    assert examples(said(SOUP, "gone")) == {"code": [LOOP], "cooking": []}


def test_strangers_are_what_was_last_said_to_belong_nowhere() -> None:
    assert strangers([said(SOUP, None), said(LOOP, None), said(SOUP, "cooking")]) == (LOOP,)


def test_only_messages_of_domains_that_were_tried_both_times_are_compared() -> None:
    before = [Prediction(0.9, True, "a"), Prediction(0.9, False, "b"), Prediction(0.9, True, "gone")]
    after = [Prediction(0.9, True, "a"), Prediction(0.9, True, "b"), Prediction(0.9, False, "new")]
    foreign = Prediction(0.9, False, "a", in_scope=False)
    assert compared({"one": before}, {"one": [*after, foreign]}, SOUP) == (
        HeldOut(router="one", messages=2, before=0.5, after=1.0),
    )


def test_the_message_that_is_disputed_is_not_compared_since_another_domain_is_right_for_it_now() -> None:
    before, after = [Prediction(0.9, True, LOOP)], [Prediction(0.9, False, LOOP)]
    assert compared({"one": before}, {"one": after}, LOOP) == ()


def test_a_router_that_does_not_tell_its_messages_apart_is_compared_as_a_whole() -> None:
    before, after = [Prediction(0.9, True)] * 2, [Prediction(0.9, True), *[Prediction(0.9, False)] * 3]
    assert compared({"one": before}, {"one": after}, SOUP) == (
        HeldOut(router="one", messages=2, before=1.0, after=0.25),
    )


def test_a_router_that_was_not_measured_both_times_has_no_vote() -> None:
    assert compared({"one": [Prediction(0.9, True)]}, {"two": [Prediction(0.9, True)]}, SOUP) == ()


@pytest.mark.parametrize(
    ("messages", "lost", "is_worse"),
    [(10, 1, False), (10, 2, True), (46, 1, False), (1000, 20, False), (1000, 21, True), (1000, -30, False)],
)
def test_worse_is_more_than_two_points_and_more_than_one_message(messages: int, lost: int, is_worse: bool) -> None:
    before, after = (messages / 2, messages / 2 - lost)
    held_out = HeldOut(router="one", messages=messages, before=before / messages, after=after / messages)
    assert worse(held_out) == is_worse
