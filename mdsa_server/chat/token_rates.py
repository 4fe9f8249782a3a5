"""How many tokens a model makes of a text: guessed at first, then learned from what the engine counted."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from mdsa_server.vocabulary.conversation import Message

# English runs at some four bytes a token and code or other scripts at fewer; three errs on the safe side.
FIRST_RATE = 1 / 3
# What a chat template puts around one message.
MESSAGE_OVERHEAD = 8
# Short prompts are mostly template, and tell little of their text.
LEAST_BYTES = 400
# The greatest of so many counts: a prompt that is estimated too short is cut by the engine without a word.
REMEMBERED = 8
MARGIN = 1.05
LEAST_RATE, GREATEST_RATE = 0.15, 1.0


class TokenRates:
    """Tokens a byte of text, by model."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[float]] = {}

    def rate(self, model: str) -> float:
        """Give the rate to estimate with, rather too great than too small."""
        seen = self._seen.get(model)
        return min(max(seen) * MARGIN, GREATEST_RATE) if seen else FIRST_RATE

    def learn(self, model: str, messages: Sequence[Message], prompt_tokens: int) -> None:
        """Take note of how many tokens the engine counted in a prompt; a count that cannot be one is passed over."""
        size = sum(size_of(message.content) for message in messages)
        rate = (prompt_tokens - MESSAGE_OVERHEAD * len(messages)) / max(size, 1)
        # Some engines leave out what they still had of the prompt before, which looks like very few tokens.
        if size >= LEAST_BYTES and LEAST_RATE <= rate <= GREATEST_RATE:
            self._seen.setdefault(model, deque(maxlen=REMEMBERED)).append(rate)


def size_of(text: str) -> int:
    """Give the bytes of a text as it is sent."""
    return len(text.encode("utf-8", "replace"))
