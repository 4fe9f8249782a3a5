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
from mdsa_server.vocabulary.passages import GivenPassage, Passage, PassagePart
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


def joined(*texts: str, best: int = 0) -> Passage:
    """One passage of a document's neighbours, of which one matched best."""
    starts = [sum(map(len, texts[:place])) for place in range(len(texts))]
    return Passage(
        text="".join(texts),
        source="j.md",
        place=best,
        heading=(f"part {best}",),
        parts=tuple(
            PassagePart(place=place, start=start, score=float(-abs(place - best)), heading=(f"part {place}",))
            for place, start in enumerate(starts)
        ),
    )


def test_what_does_not_fit_is_passed_over_and_a_smaller_one_takes_its_place_under_its_own_number() -> None:
    passages = [Passage(text=text, source=f"{text[0]}.md") for text in ("small", "large " * 900, "tiny")]
    prompt = assemble(DOMAIN, [], passages, "now?", context=700)
    assert "[1] s.md\nsmall" in prompt.messages[0].content
    assert "[3] t.md\ntiny" in prompt.messages[0].content
    assert "[2]" not in prompt.messages[0].content
    assert [given.number for given in prompt.passages] == [1, 3]
    assert prompt.ledger.dropped_passages == 1


def test_a_joined_passage_that_does_not_fit_gives_its_best_part_and_as_many_around_it_as_fit() -> None:
    texts = [f"<{number}> {'z' * 500}" for number in range(6)]
    prompt = assemble(DOMAIN, [], [joined(*texts, best=4)], "now?", context=1000, tokens_of=third)
    shown = [number for number in range(6) if texts[number] in prompt.messages[0].content]
    assert 4 in shown
    assert 1 < len(shown) < 6
    assert prompt.passages == (GivenPassage(number=1, first=shown[0], last=shown[-1]),)
    assert shown == list(range(shown[0], shown[-1] + 1))
    assert (prompt.ledger.dropped_passages, prompt.ledger.shortened_passages) == (0, 1)


def test_where_the_best_part_is_too_long_the_next_best_is_given_with_its_own_heading() -> None:
    prompt = assemble(DOMAIN, [], [joined("a" * 5000, "b" * 100)], "now?", context=700)
    assert f"[1] j.md > part 1\n{'b' * 100}" in prompt.messages[0].content
    assert prompt.passages == (GivenPassage(number=1, first=1, last=1),)


def test_history_gives_way_where_no_passage_fits_into_its_share() -> None:
    history = [turn("x" * 300, "x" * 300)] * 9
    prompt = assemble(DOMAIN, history, [Passage(text="y" * 900, source="p.md")], "now?", context=700, tokens_of=third)
    assert "y" * 900 in prompt.messages[0].content
    assert prompt.ledger.dropped_turns == 9


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
    st.lists(st.lists(st.text(max_size=400), min_size=1, max_size=4), max_size=5),
    st.text(max_size=200),
    st.integers(600, 8000),
)
def test_a_prompt_never_exceeds_the_context_less_the_answers_reserve(
    history: list[tuple[str, str]], passages: list[list[str]], question: str, context: int
) -> None:
    prompt = assemble(
        DOMAIN,
        [turn(*pair) for pair in history],
        [joined(*texts) for texts in passages],
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
