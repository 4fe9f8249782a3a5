"""The scores of a search are named, explained, and drawn beside those of the other passages."""

import re

import pytest

from mdsa_server.vocabulary.passages import Passage
from mdsa_server.web.pages.stages import STAGES, scores_shown
from tests.house.tree import ROOT


def scored(**scores: float) -> Passage:
    return Passage(text="Oil it.", source="pump.md", scores=scores)


def test_every_stage_of_our_own_search_has_a_name_and_an_explanation() -> None:
    named = re.findall(r"`(\w+)`", (ROOT / "mdsa_server/vocabulary/passages.py").read_text("utf-8").split("scores:")[1])
    assert list(STAGES) == named[: len(STAGES)]
    assert all(stage.says.endswith(".") for stage in STAGES.values())


def test_they_come_in_the_order_of_the_stages() -> None:
    shown = scores_shown(one := scored(words=1.0, fusion=0.03, bm25=2.0), [one])
    assert [score.stage.name for score in shown] == ["bm25", "fusion", "words"]


@pytest.mark.parametrize(
    ("scores", "share"),
    [
        ({"cosine": 0.25}, 0.25),
        ({"cosine": -0.2}, 0.0),
        ({"bm25": 2.0}, 0.5),
        ({"rerank": -10.0}, 0.0),
        ({"rerank": float("nan")}, 0.0),
    ],
)
def test_a_share_is_of_what_there_can_be_or_of_the_best_that_was_found(scores: dict[str, float], share: float) -> None:
    one = scored(**scores)
    (shown,) = scores_shown(one, [one, scored(bm25=4.0, cosine=0.9, rerank=5.0)])
    assert shown.share == share


def test_where_nothing_scores_no_bar_is_drawn() -> None:
    (shown,) = scores_shown(one := scored(bm25=0.0), [one])
    assert shown.share == 0.0
