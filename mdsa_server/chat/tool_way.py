"""How a model is to call tools: by its own means, or by answers that are held to a schema. Pure but for what it saw."""

from __future__ import annotations

from collections import deque

from mdsa_server.vocabulary.models import ModelDetails
from mdsa_server.vocabulary.tools import ToolUse

# Models with fewer weights may say that they can call tools, and do not: embedded_ollama/DESIGN.md has figures. They
# also contradict what a tool has told them, so that they are not asked to put it in words.
SMALL_PARAMETERS = 500_000_000

# A model that by its own means made more unusable calls than usable ones, of the last so many, is held to a schema.
JUDGED_CALLS = 8
LEAST_CALLS = 3


class ToolRecords:
    """What became of the calls that models made by their own means, by the models' weights."""

    def __init__(self) -> None:
        self._usable: dict[str, deque[bool]] = {}

    def note(self, model: ModelDetails, *, usable: bool) -> None:
        """Take down whether a call named a tool that there is, with arguments that fit it."""
        self._usable.setdefault(model.weights, deque(maxlen=JUDGED_CALLS)).append(usable)

    def fails(self, model: ModelDetails) -> bool:
        """Whether a model has proved that it cannot call tools by its own means."""
        seen = self._usable.get(model.weights, ())
        return len(seen) >= LEAST_CALLS and 2 * sum(seen) < len(seen)


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
