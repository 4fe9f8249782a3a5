"""A baseline says whether routing has become worse, or only luckier or unluckier."""

from msgspec.structs import replace

from mdsa_server.evaluation.labelled import Labelled
from mdsa_server.evaluation.route_baseline import Change, compare, same_messages
from mdsa_server.evaluation.routes import Judged

BEFORE = [
    Judged(
        text=f"message {number}",
        domain="a" if number % 5 else None,
        surest="a",
        confidence=0.9 if number % 5 else 0.2,
        out_of_scope=0.1 if number % 5 else 0.8,
        decided="a",
    )
    for number in range(200)
]


def wrong(judged: list[Judged], number: int) -> list[Judged]:
    """The first so many in-scope messages went elsewhere."""
    places = [place for place, one in enumerate(judged) if one.domain][:number]
    return [replace(one, surest="b") if place in places else one for place, one in enumerate(judged)]


def change_of(changes: list[Change], measure: str) -> Change:
    (change,) = (change for change in changes if change.measure == measure)
    return change


def test_what_has_not_changed_is_not_worse() -> None:
    changes = compare(BEFORE, BEFORE[::-1])
    assert [change.measure for change in changes] == ["accuracy", "auroc", "fpr95", "ece"]
    assert all(change.before == change.now and change.interval == (0.0, 0.0) for change in changes)
    assert not any(change.worse for change in changes)


def test_many_that_go_wrong_now_are_a_regression() -> None:
    fallen = change_of(compare(BEFORE, wrong(BEFORE, 16)), "accuracy")
    assert (fallen.before, fallen.now, fallen.worse) == (1.0, 0.9, True)
    assert fallen.interval[0] < -0.1 < fallen.interval[1] < 0


def test_one_that_goes_wrong_may_be_chance() -> None:
    assert not change_of(compare(BEFORE, wrong(BEFORE, 1)), "accuracy").worse


def test_what_is_certain_but_within_the_margin_does_not_count() -> None:
    assert not change_of(compare(BEFORE, wrong(BEFORE, 16), margin=0.2), "accuracy").worse


def test_what_is_better_is_not_worse() -> None:
    changes = compare(wrong(BEFORE, 40), BEFORE)
    assert change_of(changes, "accuracy").now == 1.0
    assert not any(change.worse for change in changes)


def test_strangers_that_seem_at_home_now_are_a_regression() -> None:
    now = [replace(one, out_of_scope=0.1) if one.domain is None else one for one in BEFORE]
    changes = compare(BEFORE, now)
    assert change_of(changes, "fpr95").worse
    assert change_of(changes, "auroc").worse


def test_a_measure_that_the_messages_do_not_tell_is_left_out() -> None:
    inside = [one for one in BEFORE if one.domain]
    assert [change.measure for change in compare(inside, inside)] == ["accuracy", "ece"]


def test_messages_are_the_same_by_text_and_label_in_any_order() -> None:
    labels = [Labelled(one.text, one.domain) for one in BEFORE]
    assert same_messages(BEFORE, labels[::-1])
    assert not same_messages(BEFORE, labels[1:])
    assert not same_messages(BEFORE, [*labels[1:], labels[1]])
