"""What a model is asked, and what is known of its answer besides the text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mdsa_server.inference.chat_lines import ChatChunk
from mdsa_server.plugin_api.tool_schema import Tool
from mdsa_server.vocabulary.domain import Domain
from mdsa_server.vocabulary.passages import Passage
from mdsa_server.vocabulary.turn import Turn, Usage


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked, and what the answer may rest on."""

    domain: Domain
    history: Sequence[Turn]
    older: int
    """How many turns were answered before these."""
    passages: Sequence[Passage]
    message: str
    tools: Sequence[tuple[Tool, float]]
    """Those that may be called, with their likeness to the message."""


@dataclass
class Answer:
    """What is known of an answer besides its text, filled in as it is told."""

    first_token: float | None = None
    """Seconds from the turn's beginning."""
    reason: str = "stop"
    """Why the model stopped, as the engine says it."""
    usage: Usage | None = None
    """Of all that the model was asked; None where it was asked nothing."""
    load_seconds: float = 0.0
    """How long the model was loaded for it, by this server or by the engine itself."""

    def add(self, last: ChatChunk) -> None:
        """Add what the engine counted, one more time that the model was asked."""
        before = self.usage or Usage()
        self.usage = Usage(
            prompt_tokens=before.prompt_tokens + last.prompt_tokens,
            answer_tokens=before.answer_tokens + last.answer_tokens,
        )
        self.load_seconds += last.load_seconds
