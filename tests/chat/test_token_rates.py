"""What an engine counts makes the next estimate better, and never recklessly small."""

from collections.abc import Callable, Sequence
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.chat.token_estimate import size_of, tokens_of
from mdsa_server.chat.token_rates import (
    ENOUGH,
    LEAST,
    LEAST_OVERHEAD,
    LEAST_TOKENS,
    MARGIN,
    REMEMBERED,
    TokenRates,
    beginning,
    first_estimate,
)
from mdsa_server.vocabulary.conversation import Message

ROOM = 3072
ENGLISH = "The pump must be oiled every week, and its valve closed before anyone opens the lid of the tank. "
RUSSIAN = "Насос нужно смазывать каждую неделю, а его клапан закрывать, прежде чем кто-либо откроет бак. "
NUMBERS = "12.5 | 1013.25 | 0.0031 | 77 | 8.314\n"
_numbers = count()


def prompt(*texts: str) -> list[Message]:
    """Make a prompt that begins as none before it."""
    return [Message(role="user", content=f"{next(_numbers)} {text}") for text in texts]


def counted(messages: Sequence[Message], share: float) -> int:
    """Give a count that is such a share of the estimate."""
    said = sum(tokens_of(message.content).total for message in messages)
    return round(said * share) + LEAST_OVERHEAD * len(messages)


def learn(rates: TokenRates, text: str, *shares: float, room: int = ROOM) -> None:
    for share in shares:
        messages = prompt(text)
        rates.learn("a", messages, counted(messages, share), room=room)


def test_a_model_that_was_not_asked_yet_is_estimated_as_any_might_need_it() -> None:
    assert TokenRates().estimate("new")(ENGLISH) == first_estimate(ENGLISH)


def test_a_table_of_numbers_is_not_taken_for_prose() -> None:
    assert first_estimate(NUMBERS * 50) > 0.8 * size_of(NUMBERS * 50)


def test_a_count_above_the_estimate_is_believed_at_once_and_for_that_model_alone() -> None:
    rates = TokenRates()
    learn(rates, ENGLISH * 40, 1.4)
    assert rates.estimate("a")(ENGLISH * 40) >= 1.4 * first_estimate(ENGLISH * 40) * 0.99
    assert rates.estimate("b")(ENGLISH) == first_estimate(ENGLISH)


def test_counts_below_the_estimate_are_believed_once_there_are_a_few() -> None:
    rates = TokenRates()
    learn(rates, RUSSIAN * 20, *[0.4] * (ENOUGH - 1))
    assert rates.factors("a").scripts == 1.0
    learn(rates, RUSSIAN * 20, 0.4)
    assert 0.3 < rates.factors("a").scripts < 0.45


def test_what_was_learned_of_one_kind_of_text_is_not_believed_of_another() -> None:
    rates = TokenRates()
    learn(rates, RUSSIAN * 20, *[0.3] * 5)
    assert rates.estimate("a")(ENGLISH * 20) == first_estimate(ENGLISH * 20)
    assert rates.estimate("a")(NUMBERS * 20) == first_estimate(NUMBERS * 20)


@pytest.mark.parametrize("text", [ENGLISH * 20, RUSSIAN * 20, NUMBERS * 40, (ENGLISH + NUMBERS + RUSSIAN) * 10])
@pytest.mark.parametrize("real", [(0.9, 0.55, 0.3), (1.0, 1.0, 1.0), (1.3, 1.0, 1.1), (0.8, 1.0, 0.2)])
def test_whatever_a_model_makes_of_text_what_was_learned_of_it_is_enough_for_it(
    text: str, real: tuple[float, float, float]
) -> None:
    rates = TokenRates()

    def really(text: str) -> float:
        return sum(part * share for part, share in zip(tokens_of(text), real, strict=True))

    for _ in range(8):
        messages = prompt(text)
        (message,) = messages
        rates.learn("a", messages, round(really(message.content)) + LEAST_OVERHEAD, room=8000)
    assert rates.estimate("a")(text) >= really(text)


def test_the_greatest_of_the_last_counts_is_believed() -> None:
    rates = TokenRates()
    learn(rates, ENGLISH * 40, 1.5, *[0.9] * (REMEMBERED - 1))
    assert rates.factors("a").words > 1.4
    learn(rates, ENGLISH * 40, 0.9)
    assert rates.factors("a").words < 1, "a text of long ago tells nothing any more"


def test_counts_of_prompts_that_were_cut_do_not_lower_the_estimate() -> None:
    rates = TokenRates()
    learn(rates, NUMBERS * 200, *[0.6] * REMEMBERED)
    assert rates.factors("a").figures == 1.0, "by the first estimate they do not fit into the room"


def test_counts_without_what_the_engine_still_had_do_not_lower_the_estimate() -> None:
    rates = TokenRates()
    said = RUSSIAN * 20
    for turn in range(REMEMBERED):
        messages = [Message(role="user", content=said), Message(role="user", content=f"{turn} {RUSSIAN * 3}")]
        whole = counted(messages, 1.0)
        rates.learn("a", messages, whole if turn == 0 else whole - first_estimate(said), room=20_000)
    assert rates.factors("a").scripts > 0.8


def test_a_count_that_cannot_be_one_changes_nothing() -> None:
    rates = TokenRates()
    learn(rates, ENGLISH * 40, *[0.02] * 10, *[20.0] * 10)  # The engine still had the rest; and more than its bytes.
    learn(rates, ENGLISH, *[0.9] * 10)
    assert tokens_of(ENGLISH).total < LEAST_TOKENS
    rates.learn("a", [], 100, room=ROOM)
    assert rates.estimate("a")(ENGLISH) == first_estimate(ENGLISH)


def test_a_prompt_that_was_refused_is_estimated_at_more_than_the_context() -> None:
    rates, messages = TokenRates(), prompt(ENGLISH * 40)
    rates.refused("a", messages, 4096, None)
    assert rates.estimate("a")(messages[0].content) > 4096
    rates.refused("b", messages, 4096, 9000)
    assert 9000 <= rates.estimate("b")(messages[0].content) <= 9000 * MARGIN + 1


@given(st.lists(st.tuples(st.text(max_size=3000), st.integers(0, 10_000))))
def test_no_count_makes_an_estimate_unreasonable(seen: list[tuple[str, int]]) -> None:
    rates = TokenRates()
    for text, tokens in seen:
        rates.learn("a", [Message(role="user", content=text)], tokens, room=ROOM)
    assert all(factor >= least for factor, least in zip(rates.factors("a"), LEAST, strict=True))


@given(st.text(max_size=400), st.integers(1, 200))
def test_a_beginning_is_as_long_as_there_is_room_for(text: str, most: int) -> None:
    cut = beginning(text, most, first_estimate)
    assert text.startswith(cut)
    assert first_estimate(cut) <= most


@pytest.mark.parametrize("make", [lambda: ENGLISH * 50, lambda: NUMBERS * 50 + ENGLISH * 50])
def test_a_beginning_leaves_little_room_unused(make: Callable[[], str]) -> None:
    text = make()
    assert first_estimate(beginning(text, 500, first_estimate)) > 400
