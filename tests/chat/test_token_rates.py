"""What an engine counts makes the next estimate better, and never recklessly small."""

from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.chat.token_rates import (
    FIRST_RATE,
    GREATEST_RATE,
    LEAST_BYTES,
    MARGIN,
    MESSAGE_OVERHEAD,
    REMEMBERED,
    TokenRates,
    size_of,
)
from mdsa_server.vocabulary.conversation import Message


def prompt(size: int) -> list[Message]:
    return [Message(role="user", content="x" * size)]


def counted(size: int, rate: float) -> int:
    return round(size * rate) + MESSAGE_OVERHEAD


def test_a_model_that_was_not_asked_yet_is_estimated_on_the_safe_side() -> None:
    assert TokenRates().rate("new") == FIRST_RATE


def test_the_rate_is_learned_for_each_model() -> None:
    rates = TokenRates()
    rates.learn("a", prompt(10_000), counted(10_000, 0.25))
    assert abs(rates.rate("a") - 0.25 * MARGIN) < 0.001
    assert rates.rate("b") == FIRST_RATE


def test_the_greatest_of_the_last_counts_is_believed() -> None:
    rates = TokenRates()
    for rate in (0.6, *(0.25 for _ in range(REMEMBERED - 1))):
        rates.learn("a", prompt(10_000), counted(10_000, rate))
    assert rates.rate("a") > 0.6
    rates.learn("a", prompt(10_000), counted(10_000, 0.25))
    assert rates.rate("a") < 0.3, "a text of long ago tells nothing any more"


def test_a_count_that_cannot_be_one_changes_nothing() -> None:
    rates = TokenRates()
    rates.learn("a", prompt(10_000), 30)  # The engine still had the rest.
    rates.learn("a", prompt(10_000), 50_000)
    rates.learn("a", prompt(LEAST_BYTES - 1), counted(LEAST_BYTES - 1, 0.25))
    rates.learn("a", [], 100)
    assert rates.rate("a") == FIRST_RATE


@given(st.lists(st.tuples(st.text(max_size=3000), st.integers(0, 10_000))))
def test_no_count_makes_the_rate_unreasonable(seen: list[tuple[str, int]]) -> None:
    rates = TokenRates()
    for text, tokens in seen:
        rates.learn("a", [Message(role="user", content=text)], tokens)
    assert 0.15 <= rates.rate("a") <= GREATEST_RATE


def test_bytes_are_counted_as_they_are_sent() -> None:
    assert (size_of("abc"), size_of("ä"), size_of("\ud800")) == (3, 2, 1)
