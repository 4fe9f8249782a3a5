"""How many tokens a model makes of a text: estimated by its characters, and corrected by what the engine counted."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil

from mdsa_server.chat.token_estimate import NOTHING, Tokens, size_of, tokens_of
from mdsa_server.vocabulary.conversation import Message

Estimate = Callable[[str], int]
"""Gives the tokens of a text, rather too many than too few."""

# What a chat template puts around one message, at most and at least.
MESSAGE_OVERHEAD = 8
LEAST_OVERHEAD = 4
# The estimate is that of the tokenizer that makes the most of a text; others make this share of it at least.
LEAST = Tokens(words=0.7, figures=0.5, scripts=0.12)
MARGIN = 1.05
# Short prompts are mostly template, and tell little of their text.
LEAST_TOKENS = 250
# The greatest of so many counts is believed, since a prompt that is estimated too short may be cut. Counts below the
# estimate are, once there are a few.
REMEMBERED = 32
ENOUGH = 3
# What makes this share of a prompt had its part where a count is greater than the estimate, or says how much less.
SHARE_OF_MORE, SHARE_OF_LESS = 0.2, 0.4
# An engine keeps the beginnings of the last prompts, and some do not count what they still had.
PROMPTS_KEPT = 8
# A prompt that was refused for its length was longer than the context by an unknown part.
REFUSED = 1.25


def first_estimate(text: str) -> int:
    """Estimate for a model that nothing is known of."""
    return ceil(tokens_of(text).total * MARGIN)


@dataclass
class _Known:
    """What is known of one model."""

    seen: dict[str, deque[float]] = field(
        default_factory=lambda: {kind: deque(maxlen=REMEMBERED) for kind in Tokens._fields}
    )
    """By kind, how many tokens there were for each that was estimated."""
    prompts: deque[list[str]] = field(default_factory=lambda: deque(maxlen=PROMPTS_KEPT))
    """What it was asked last."""

    @property
    def factors(self) -> Tokens:
        return Tokens(*(self._believed(self.seen[kind]) for kind in Tokens._fields))

    def _believed(self, seen: deque[float]) -> float:
        greatest = max(seen, default=1.0)
        return greatest if greatest > 1 or len(seen) >= ENOUGH else 1.0

    def raise_to(self, counted: float, expected: Tokens) -> None:
        """Take note of a count that is more than expected: what is most of the text has all of the surplus."""
        much = [part >= SHARE_OF_MORE * expected.total for part in expected]
        more = (counted - expected.total) / sum(part for part, is_much in zip(expected, much, strict=True) if is_much)
        for kind, factor, is_much in zip(Tokens._fields, self.factors, much, strict=True):
            if is_much:
                self.seen[kind].append(factor * (1 + more))

    def lower_to(self, counted: float, estimated: Tokens) -> None:
        """Take note of a count that is less than expected: of each kind, all that the others leave at their least."""
        least = estimated.times(LEAST)
        for kind, part, its_least, factor in zip(Tokens._fields, estimated, least, LEAST, strict=True):
            if part >= SHARE_OF_LESS * estimated.total:
                self.seen[kind].append(max((counted - least.total + its_least) / part, factor))

    def had_before(self, said: list[str]) -> Tokens:
        """Estimate the longest beginning that a prompt shares with one before it."""
        beginnings = [_shared(said, before) for before in self.prompts]
        return max(beginnings, key=lambda tokens: tokens.total, default=NOTHING)


class TokenRates:
    """What was counted, by model. It is not kept when the server ends."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def factors(self, model: str) -> Tokens:
        """Give what the first estimate is multiplied with for a model, by kind."""
        known = self._known.get(model)
        return known.factors if known else Tokens(1.0, 1.0, 1.0)

    def estimate(self, model: str) -> Estimate:
        """Give what estimates texts for a model, as it is known now."""
        factors = self.factors(model)
        return lambda text: ceil(tokens_of(text).times(factors).total * MARGIN)

    def learn(self, model: str, messages: Sequence[Message], counted: int, *, room: int) -> None:
        """Take note of how many tokens the engine counted in a prompt that was to take at most `room`.

        A count may be too low: the engine has cut the prompt, or had its beginning already. So it raises the estimate
        in any case, and lowers it only where the prompt fits by the first estimate too, and with what the engine may
        have had added. What is longer than its bytes is no count, and is passed over.
        """
        said = [message.content for message in messages]
        estimated = _sum(map(tokens_of, said))
        known = self._known.setdefault(model, _Known())
        before = known.had_before(said)
        known.prompts.append(said)
        most, text = sum(map(size_of, said)), counted - LEAST_OVERHEAD * len(said)
        if estimated.total < LEAST_TOKENS or text > most:
            return
        expected = estimated.times(known.factors)
        if text > expected.total:
            known.raise_to(text, expected)
            return
        whole = min(text + before.total, expected.total)
        if whole >= estimated.times(LEAST).total and estimated.total + MESSAGE_OVERHEAD * len(said) <= room:
            known.lower_to(whole, estimated)

    def refused(self, model: str, messages: Sequence[Message], context: int, counted: int | None) -> None:
        """Take note that a prompt is longer than the context; `counted` is how long, where the engine says so."""
        known = self._known.setdefault(model, _Known())
        expected = _sum(tokens_of(message.content) for message in messages).times(known.factors)
        if expected.total:
            known.raise_to(max(counted or context * REFUSED, expected.total), expected)


def beginning(text: str, most: int, estimate: Estimate) -> str:
    """Give of a text what is estimated to be at most `most` tokens."""
    while text and (tokens := estimate(text)) > most:
        # What is denser than the rest may stand first: then there is another round.
        text = text[: min(int(len(text) * most / tokens), len(text) - 1)]
    return text


def _shared(said: list[str], before: list[str]) -> Tokens:
    """Estimate what two prompts have in common at their beginning."""
    shared = NOTHING
    for one, other in zip(said, before, strict=False):
        shared = shared.plus(tokens_of(one[: _same(one, other)]))
        if one != other:
            break
    return shared


def _same(one: str, other: str) -> int:
    """Give how many characters two texts have in common at their beginning."""
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _sum(parts: Iterable[Tokens]) -> Tokens:
    total = NOTHING
    for part in parts:
        total = total.plus(part)
    return total
