"""How a model is to call tools: by its own means, or by answers that are held to a schema. Pure but for what it saw."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import ref

from mdsa_server.vocabulary.models import ModelDetails
from mdsa_server.vocabulary.tools import ToolUse

# Models with fewer weights may say that they can call tools, and do not: embedded_ollama/DESIGN.md has figures. They
# also contradict what a tool has told them, so that they are not asked to put it in words.
SMALL_PARAMETERS = 500_000_000

# A model that by its own means made nothing but unusable calls in more of its last turns than not is held to a schema,
# until that is forgotten: then it is tried again.
JUDGED_TURNS = 8
LEAST_TURNS = 3
FORGOTTEN_SECONDS = 600.0


@dataclass
class _Verdict:
    """What a turn says of a model."""

    turn: ref[asyncio.Task[Any]]
    at: float
    usable: bool


class ToolRecords:
    """What became of the calls that models made by their own means, by the models' weights."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._verdicts: dict[str, deque[_Verdict]] = {}

    def note(self, model: ModelDetails, *, usable: bool) -> None:
        """Take down whether a call named a tool that there is, with arguments that fit it.

        All calls of a turn, which is the task that runs, make one verdict: an injection can spoil one turn easily.
        """
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("a call is made within a turn's task")
        verdicts = self._verdicts.setdefault(model.weights, deque(maxlen=JUDGED_TURNS))
        for verdict in verdicts:
            if verdict.turn() is task:
                verdict.usable = verdict.usable or usable
                return
        verdicts.append(_Verdict(ref(task), self._clock(), usable))

    def fails(self, model: ModelDetails) -> bool:
        """Whether a model has proved of late that it cannot call tools by its own means."""
        now = self._clock()
        verdicts = self._verdicts.get(model.weights, ())
        seen = [verdict.usable for verdict in verdicts if now - verdict.at < FORGOTTEN_SECONDS]
        return len(seen) >= LEAST_TURNS and 2 * sum(seen) < len(seen)


def is_small(details: ModelDetails) -> bool:
    """Whether a model is too small to use tools without help."""
    return details.parameters is not None and details.parameters < SMALL_PARAMETERS


def way_of(asked: ToolUse, details: ModelDetails, records: ToolRecords) -> ToolUse:
    """Say how a model calls tools: `native`, `constrained` or `off`; `asked` is what the domain says."""
    if asked != "auto":
        return asked
    if "tools" not in details.capabilities or is_small(details) or records.fails(details):
        return "constrained"
    return "native"
