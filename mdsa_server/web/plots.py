"""Where the parts of a plot lie: figures to the coordinates of an SVG, whose templates draw them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from mdsa_server.evaluation.routes import Bin, Confusion

# In units of the drawing; a plot is scaled to the width there is, 360 being that of a telephone's.
WIDTH, HEIGHT = 360.0, 250.0
LEFT, TOP, RIGHT, BOTTOM = 40.0, 12.0, 348.0, 206.0
QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)
# Of a curve whose values are all small the top of the axis is the first of these above them.
TOPS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
CELL = 30.0
LETTER = 6.6
"""The width of a letter in a label."""
LONGEST_LABEL = 22


@dataclass(frozen=True)
class Box:
    """A bar, with what it says when it is pointed at."""

    x: float
    y: float
    width: float
    height: float
    title: str = ""
    weight: float = 1.0
    """How strongly it is drawn, 0 to 1."""


@dataclass(frozen=True)
class Mark:
    """A tick of an axis, or a label."""

    at: float
    text: str


def across(value: float) -> float:
    return LEFT + value * (RIGHT - LEFT)


def up(value: float, top: float = 1.0) -> float:
    return BOTTOM - value / top * (BOTTOM - TOP)


def ticks_across() -> list[Mark]:
    return [Mark(across(value), f"{value:g}") for value in QUARTERS]


def ticks_up(top: float = 1.0) -> list[Mark]:
    return [Mark(up(value * top, top), f"{value * top:.3g}") for value in QUARTERS]


def top_for(values: Sequence[float]) -> float:
    """Give where an axis of shares ends that has room for all values."""
    most = max(values, default=0.0)
    return next((top for top in TOPS if top >= most), 1.0)


def reliability(bins: Sequence[Bin]) -> list[Box]:
    """Give a bar for each bin that has messages, as high as the share right; the fewer messages, the fainter."""
    most = max(one.messages for one in bins)
    return [
        Box(
            across(one.low) + 1,
            up(one.right),
            (RIGHT - LEFT) * (one.high - one.low) - 2,
            BOTTOM - up(one.right),
            f"{one.messages:,} messages, {one.confidence:.3f} sure, {one.right:.3f} right",
            0.3 + 0.7 * (one.messages / most) ** 0.5,
        )
        for one in bins
        if one.right is not None and one.confidence is not None
    ]


def confidences(bins: Sequence[Bin]) -> list[Box]:
    """Give, for each of those bars, where it would end if confidence were right: a line as wide as the bar."""
    width = (RIGHT - LEFT) / len(bins)
    return [Box(across(one.low) + 1, up(one.confidence), width - 2, 0.0) for one in bins if one.confidence is not None]


def line(points: Sequence[tuple[float, float]], top: float) -> str:
    """Give the path of a curve."""
    return "M" + " L".join(f"{across(x):.1f} {up(y, top):.1f}" for x, y in points)


def area(points: Sequence[tuple[float, float]], top: float) -> str:
    """Give the path around what lies below a curve."""
    return f"{line(points, top)} L{across(points[-1][0]):.1f} {BOTTOM} L{across(points[0][0]):.1f} {BOTTOM} Z"


def histogram(counts: Sequence[int], top: float, place: int) -> list[Box]:
    """Give bars of shares of all that is counted, side by side with another histogram's: `place` is 0 or 1."""
    total, width = sum(counts) or 1, (RIGHT - LEFT) / len(counts)
    return [
        Box(
            LEFT + (number + place / 2) * width + 0.5,
            up(count / total, top),
            width / 2 - 0.75,
            BOTTOM - up(count / total, top),
            f"{number / len(counts):g} to {(number + 1) / len(counts):g}: {count:,} messages",
        )
        for number, count in enumerate(counts)
        if count
    ]


def histogram_top(histograms: Sequence[Sequence[int]]) -> float:
    return top_for([max(counts) / (sum(counts) or 1) for counts in histograms])


@dataclass(frozen=True)
class Cell:
    """One count of a confusion matrix."""

    x: float
    y: float
    count: int
    share: float
    """Of its row."""
    right: bool
    title: str


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix as it is drawn; its columns are named from below, at an angle."""

    width: float
    height: float
    left: float
    bottom: float
    rows: Sequence[Mark]
    columns: Sequence[Mark]
    cells: Sequence[Cell]


def matrix(confusion: Confusion, fallback: str | None = None) -> Matrix:
    """Lay a confusion matrix out; each count is shaded by its share of its row.

    What is out of scope is right with `fallback`.
    """
    rows = [_label(name, "out of scope") for name in confusion.rows]
    columns = [_label(name, "no domain") for name in confusion.columns]
    left = max(map(len, rows)) * LETTER + 10
    bottom = len(rows) * CELL
    cells = []
    for row, counts in enumerate(confusion.counts):
        total, belongs = sum(counts) or 1, confusion.rows[row] or fallback
        for column, count in enumerate(counts):
            right = belongs is not None and belongs == confusion.columns[column]
            title = f"{rows[row]} to {columns[column]}: {count:,} of {total:,}"
            cells.append(Cell(left + column * CELL, row * CELL, count, count / total, right, title))
    # At 45 degrees a label reaches down, and to the left, by 0.71 of its length.
    below = max(map(len, columns)) * LETTER * 0.71 + 18
    return Matrix(
        width=ceil(left + len(columns) * CELL + 2),
        height=ceil(bottom + below),
        left=left,
        bottom=bottom,
        rows=[Mark((number + 0.5) * CELL, name) for number, name in enumerate(rows)],
        columns=[Mark(left + (number + 0.5) * CELL, name) for number, name in enumerate(columns)],
        cells=cells,
    )


def _label(name: str | None, nothing: str) -> str:
    label = nothing if name is None else name
    return label if len(label) <= LONGEST_LABEL else label[: LONGEST_LABEL - 1] + "…"
