"""What a turn's model and its tools have said to each other, as messages that follow the question."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from mdsa_server.chat.marked_data import as_data
from mdsa_server.chat.model_json import object_in
from mdsa_server.chat.tool_calls import ToolResult
from mdsa_server.chat.tool_round import Wanted
from mdsa_server.vocabulary.conversation import Message

# A longer result is for the model to make something of, however small it is.
SHORT_CHARS = 300
ARGUMENT_CHARS = 400
RESULT = "result"
ANSWER_WITH_THEM = "Answer the question above with that."


@dataclass
class Exchange:
    """Grows by a round at a time."""

    rounds: list[list[tuple[Wanted, ToolResult]]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    """What the model said before the calls of each round."""

    def add(self, said: str, made: Sequence[tuple[Wanted, ToolResult]]) -> None:
        """Add a round: what the model said before its calls, and what came of them."""
        self.said.append(said)
        self.rounds.append(list(made))

    @property
    def latest(self) -> list[tuple[Wanted, ToolResult]]:
        return self.rounds[-1] if self.rounds else []

    @property
    def misfits(self) -> int:
        """How many rounds there were in which no call fitted a tool."""
        return sum(all(result.outcome in ("invalid", "unknown") for _, result in made) for made in self.rounds)

    def told_invalid(self, tool: str) -> list[str]:
        """Give what was told of the latest calls of a tool whose arguments did not fit it."""
        return [result.text for wanted, result in self.latest if wanted.tool == tool and result.outcome == "invalid"]

    def refused(self, tool: str, optional: Collection[str]) -> bool:
        """Whether a tool refused its latest call, and was told something that it need not be told."""
        return any(
            wanted.tool == tool
            and result.outcome in ("refused", "invalid")
            and not wanted.arguments.keys().isdisjoint(optional)
            for wanted, result in self.latest
        )

    def not_made_yet(self, wanted: Sequence[Wanted]) -> list[Wanted]:
        """Give those that ask for something new, each once: what was sent must not be sent twice."""
        new: list[Wanted] = []
        for one in wanted:
            same = any((one.tool, one.arguments) == (other.tool, other.arguments) for other in new)
            if not same and not self.made_before(one):
                new.append(one)
        return new

    def made_before(self, wanted: Wanted) -> bool:
        """Whether the same tool was called with the same arguments, and gave something or was not allowed."""
        return any(
            (before.tool, before.arguments) == (wanted.tool, wanted.arguments)
            and result.outcome in ("returned", "denied")
            for made in self.rounds
            for before, result in made
        )

    @property
    def results(self) -> str:
        """All that was given, each result between marks."""
        return "\n".join(marked(wanted, result) for made in self.rounds for wanted, result in made)

    def messages(self, *, by_roles: bool) -> list[Message]:
        """Give the rounds as messages: by the wire's own roles, or in words for a model that knows no such roles."""
        if not self.rounds:
            return []
        if not by_roles:
            return [Message(role="user", content=f"{self.results}\n{ANSWER_WITH_THEM}")]
        messages: list[Message] = []
        for said, made in zip(self.said, self.rounds, strict=True):
            calls = [{"function": {"name": wanted.tool, "arguments": shortened(wanted)}} for wanted, _ in made]
            messages.append(Message(role="assistant", content=said, tool_calls=calls))
            messages += [
                Message(role="tool", tool_name=wanted.tool, content=marked(wanted, result)) for wanted, result in made
            ]
        return messages

    def in_words(self) -> str:
        """Say what the latest calls gave, without a model; nothing where that is long, or no result.

        What a tool refuses is said once there is no other way to call it.
        """
        told = "\n\n".join(readable(result.text) for _, result in self.latest)
        last = ("returned", "refused") if len(self.rounds) > 1 else ("returned",)
        plain = all(result.outcome in last and not result.cut for _, result in self.latest)
        return told if plain and len(told) <= SHORT_CHARS else ""


def marked(wanted: Wanted, result: ToolResult) -> str:
    """Give a result so that where it begins and ends is plain, whatever it holds."""
    return f'<{RESULT} tool="{wanted.tool}">\n{as_data(result.text, RESULT)}\n</{RESULT}>'


def shortened(wanted: Wanted) -> dict[str, Any]:
    """Give the arguments of a call as the model is reminded of them: it wrote them, and long ones take its room."""
    written = msgspec.json.encode(wanted.arguments).decode()
    return wanted.arguments if len(written) <= ARGUMENT_CHARS else {"shortened": f"{written[:ARGUMENT_CHARS]} …"}


def readable(text: str) -> str:
    """Write an object of plain values as people do; all else stays as it is."""
    value = object_in(text)
    if value is None or any(isinstance(part, dict | list) for part in value.values()):
        return text
    return ", ".join(f"{name} {part}" for name, part in value.items())
