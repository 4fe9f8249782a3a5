"""The kinds of evaluations whose last result is kept."""

from typing import Literal

EvaluationKind = Literal["routes", "retrieval"]
