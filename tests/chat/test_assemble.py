"""A prompt always fits, and the ledger says what it cost."""

from datetime import UTC, datetime
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.chat.assemble import assemble
from mdsa_server.chat.token_estimate import size_of
from mdsa_server.chat.token_rates import MESSAGE_OVERHEAD
from mdsa_server.errors import MessageTooLong
from mdsa_server.vocabulary.domain import Domain
from mdsa_server.vocabulary.passages import Passage
from mdsa_server.vocabulary.turn import Turn

DOMAIN = Domain(name="code", description="Programs", instructions="Answer with code.")


def third(text: str) -> int:
    """Estimate a text so that the whole is never more than its parts."""
    return ceil(size_of(text) / 3)


def turn(message: str, answer: str) -> Turn:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Turn(id=message, conversation="c", parent=None, message=message, answer=answer, started=now)


def test_instructions_history_and_question_come_in_that_order() -> None:
    prompt = assemble(DOMAIN, [turn("one?", "One."), turn("two?", "Two.")], [], "three?", context=4096)
    assert [(message.role, message.content) for message in prompt.messages] == [
        ("system", "Answer with code."),
        ("user", "one?"),
        ("assistant", "One."),
        ("user", "two?"),
        ("assistant", "Two."),
        ("user", "three?"),
    ]


def test_a_domain_without_instructions_sends_no_empty_system_message() -> None:
    prompt = assemble(Domain(name="d", description="d"), [], [], "hello", context=4096)
    assert [message.role for message in prompt.messages] == ["user"]


def test_the_oldest_turns_are_left_out_first_and_counted() -> None:
    history = [turn(f"question {n}", "x" * 300) for n in range(10)]
    prompt = assemble(DOMAIN, history, [], "now?", context=700)
    assert prompt.ledger.dropped_turns == 10 - (len(prompt.messages) - 2) // 2
    assert 0 < prompt.ledger.dropped_turns < 10
    assert prompt.messages[-3].content == "question 9"


def test_passages_are_numbered_and_the_weakest_are_left_out_first() -> None:
    passages = [Passage(text=f"passage {n} " + "y" * 300, source=f"{n}.md") for n in range(10)]
    prompt = assemble(DOMAIN, [], passages, "now?", context=700)
    assert "[1] 0.md\npassage 0" in prompt.messages[0].content
    assert "passage 9" not in prompt.messages[0].content
    assert prompt.ledger.dropped_passages == 10 - prompt.messages[0].content.count(".md")


def test_passages_leave_the_newest_turns_their_share() -> None:
    history = [turn(f"question {n}", "x" * 200) for n in range(10)]
    passages = [Passage(text=f"passage {n} " + "y" * 300, source=f"{n}.md") for n in range(10)]
    ledger = assemble(DOMAIN, history, passages, "now?", context=2000).ledger
    assert ledger.dropped_turns < 10
    assert ledger.dropped_passages < 10
    assert ledger.passages > ledger.history > 0


def test_passages_take_what_a_short_history_leaves() -> None:
    passages = [Passage(text="y" * 300, source=f"{n}.md") for n in range(10)]
    alone = assemble(DOMAIN, [], passages, "now?", context=1000).ledger
    beside = assemble(DOMAIN, [turn("hello", "Hi.")] * 9, passages, "now?", context=1000).ledger
    assert alone.dropped_passages < beside.dropped_passages


def test_a_passage_is_told_with_the_headings_it_stands_below() -> None:
    passage = Passage(text="Oil it.", source="p.md", title="Pump", heading=("Care", "Weekly"))
    assert "[1] Pump > Care > Weekly\nOil it." in assemble(DOMAIN, [], [passage], "?", context=4096).messages[0].content


def test_a_model_that_makes_fewer_tokens_of_a_text_is_given_more_of_it() -> None:
    history = [turn(f"question {n}", "x" * 300) for n in range(10)]
    guessed = assemble(DOMAIN, history, [], "now?", context=700).ledger
    learned = assemble(DOMAIN, history, [], "now?", context=700, tokens_of=lambda text: len(text) // 8).ledger
    assert learned.dropped_turns < guessed.dropped_turns


def test_a_question_that_cannot_fit_is_refused_with_the_key_to_change() -> None:
    with pytest.raises(MessageTooLong, match="context of 512") as caught:
        assemble(DOMAIN, [], [], "why? " * 1000, context=512)
    assert "[domains.code.options] num_ctx" in caught.value.mend


@given(
    st.lists(st.tuples(st.text(max_size=400), st.text(max_size=400)), max_size=8),
    st.lists(st.text(max_size=400), max_size=5),
    st.text(max_size=200),
    st.integers(600, 8000),
)
def test_a_prompt_never_exceeds_the_context_less_the_answers_reserve(
    history: list[tuple[str, str]], passages: list[str], question: str, context: int
) -> None:
    prompt = assemble(
        DOMAIN,
        [turn(*pair) for pair in history],
        [Passage(text=text, source="s") for text in passages],
        question,
        context=context,
        tokens_of=third,
    )
    ledger = prompt.ledger
    spent = ledger.instructions + ledger.history + ledger.passages + ledger.question
    assert spent <= context - ledger.reserve
    sent = sum(third(message.content) + MESSAGE_OVERHEAD for message in prompt.messages)
    assert sent <= spent
    assert prompt.messages[-1].content == question
