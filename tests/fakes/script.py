"""The words in which a test tells a scripted model what to say."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from mdsa_server.embedded_ollama.request_body import RequestBody
from mdsa_server.embedded_ollama.wire import Refused


@dataclass(frozen=True)
class Thinks:
    """A token that a thinking model says to itself."""

    text: str


@dataclass(frozen=True)
class Calls:
    """A tool call."""

    name: str
    arguments: dict[str, Any]

    @property
    def wire(self) -> dict[str, Any]:
        return {"function": {"name": self.name, "arguments": self.arguments}}


@dataclass(frozen=True)
class Sends:
    """Bytes as they are: no line of the protocol, or half of one."""

    data: bytes


@dataclass(frozen=True)
class Breaks:
    """An error line under status 200; the stream ends with it."""

    error: str


class End(Enum):
    """How an answer ends that does not end well."""

    DIES = auto()
    """The connection is cut."""
    HANGS = auto()
    """Nothing more is said, and the connection stays open."""
    STOPS_SHORT = auto()
    """The body ends in good order, without its last line."""


DIES, HANGS, STOPS_SHORT = End.DIES, End.HANGS, End.STOPS_SHORT

Step = str | Thinks | Calls | Sends | Breaks | End | asyncio.Event
"""A string is a token; an event is waited for before the next step."""

Says = Sequence[Step] | Callable[[RequestBody], Sequence[Step]]
"""Steps, or a function that chooses them for a request."""


@dataclass(kw_only=True)
class ScriptedModel:
    """A model of a scripted engine; tests may change it between requests."""

    name: str = "scripted:1b"
    says: Says = ("Hello", " there", ".")
    token_seconds: float = 0.0
    """Between tokens; 0 is flat out."""
    load_seconds: float = 0.0
    parallel: int = 1000
    """How many answers run side by side; set before the first. The others wait, and are not told that they do."""
    refuses: Refused | None = None
    """What every chat is answered with instead."""
    refuses_formats: Refused | None = None
    """What a chat is answered with that is to fit a format."""
    tokens: Callable[[RequestBody], int] | None = None
    """How many it makes of a prompt; as many as there are words where None."""
    heeds_truncate: bool = False
    """Whether a prompt that is too long and must not be cut is refused, as newer engines do. None is cut here."""
    hides: Refused | None = None
    """What is answered instead of showing it."""
    capabilities: tuple[str, ...] = ("completion", "tools", "thinking")
    family: str = "llama"
    context_length: int = 8192
    """The longest context the model was made for, in tokens."""
    parameters: int = 1_000_000_000
    """How many weights it says that it has."""
    size: int = 100_000_000
    """Bytes, on disk and in memory."""

    def prompt_tokens(self, asked: RequestBody) -> int:
        if self.tokens is not None:
            return self.tokens(asked)
        return max(sum(len(str(message.get("content", "")).split()) for message in asked.messages), 1)

    def steps(self, asked: RequestBody) -> Sequence[Step]:
        return self.says(asked) if callable(self.says) else self.says
