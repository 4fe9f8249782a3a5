"""Where the parts of the plots on searching lie: recall by depth, and where the first relevant document stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mdsa_server.evaluation.retrieval import STAGE_NAMES
from mdsa_server.web.plots import BOTTOM, LEFT, RIGHT, TOP, Box, Mark, up

CURVES_RIGHT = 282.0
"""Where curves end: their names stand beside."""
TICKED_DEPTHS = (1, 5, 10, 15, 20)
LINE_HEIGHT = 13.0
APART = 10.0
"""The room between the places that are counted one by one, and the others."""


@dataclass(frozen=True)
class Curve:
    """The recall of one stage, with its name beside its end."""

    stage: str
    name: str
    path: str
    end: float
    label: float
    """How high the name stands: where ends are near each other, not at the end itself."""


@dataclass(frozen=True)
class Column:
    """One bar of a histogram with what stands above and below it."""

    box: Box
    kind: str
    middle: float
    name: str
    count: int


def curves(recalls: Mapping[str, Sequence[float]], top: float) -> list[Curve]:
    """Give a curve for each stage, of its recall at the depths from 1 on."""
    ends = [up(values[-1], top) for values in recalls.values()]
    return [
        Curve(stage, STAGE_NAMES[stage], _path(values, top), end, label)
        for (stage, values), end, label in zip(recalls.items(), ends, spread(ends, LINE_HEIGHT), strict=True)
    ]


def depths(recalls: Mapping[str, Sequence[float]]) -> list[Box]:
    """Give a strip for each depth that says the recall of every stage there when it is pointed at."""
    most = len(next(iter(recalls.values())))
    width = (CURVES_RIGHT - LEFT) / (most - 1)
    return [
        Box(
            _across(depth, most) - width / 2,
            TOP,
            width,
            BOTTOM - TOP,
            f"first {depth}: "
            + ", ".join(f"{STAGE_NAMES[stage]} {values[depth - 1]:.3f}" for stage, values in recalls.items()),
        )
        for depth in range(1, most + 1)
    ]


def depth_ticks() -> list[Mark]:
    return [Mark(_across(depth, TICKED_DEPTHS[-1]), str(depth)) for depth in TICKED_DEPTHS]


def columns(counts: Sequence[int], top: float) -> list[Column]:
    """Give a bar for each count of questions, as high as its share of all; the last two are later and none."""
    total, places = sum(counts) or 1, len(counts) - 2
    names = [*(str(place) for place in range(1, places + 1)), f"{places + 1}+", "none"]
    width = (RIGHT - LEFT - APART) / len(counts)
    made = []
    for number, (name, count) in enumerate(zip(names, counts, strict=True)):
        found = number < places
        left = LEFT + number * width + (0 if found else APART)
        height = up(count / total, top)
        title = f"{name if name == 'none' else f'place {name}'}: {count:,} questions, {count / total * 100:.1f} %"
        box = Box(left + 1.5, height, width - 3, BOTTOM - height, title)
        made.append(Column(box, "first" if found else "second", left + width / 2, name, count))
    return made


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Move labels apart until there is a gap between any two, each as near its place as the others let it."""
    order = sorted(range(len(heights)), key=lambda one: heights[one])
    down = [heights[one] for one in order]
    upwards = down.copy()
    for number in range(1, len(order)):
        down[number] = max(down[number], down[number - 1] + gap)
        upwards[-number - 1] = min(upwards[-number - 1], upwards[-number] - gap)
    placed = [0.0] * len(order)
    for number, one in enumerate(order):
        # Between what was only pushed down and what was only pushed up; those keep the gap, so this does, and so do the
        # bounds, which leave room for the labels above and below.
        middle = (down[number] + upwards[number]) / 2
        placed[one] = min(max(middle, TOP + number * gap), BOTTOM - (len(order) - 1 - number) * gap)
    return placed


def _path(values: Sequence[float], top: float) -> str:
    return "M" + " L".join(
        f"{_across(depth, len(values)):.1f} {up(value, top):.1f}" for depth, value in enumerate(values, 1)
    )


def _across(depth: int, most: int) -> float:
    return LEFT + (depth - 1) / (most - 1) * (CURVES_RIGHT - LEFT)
