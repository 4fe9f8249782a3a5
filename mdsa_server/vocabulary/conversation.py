"""Messages, and conversations of turns."""

from datetime import datetime
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from mdsa_server.vocabulary.turn import Turn

Role = Literal["system", "user", "assistant", "tool"]


class Message(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message of a prompt, in the shape of the engine's wire."""

    role: Role
    content: str = ""
    tool_calls: list[dict[str, Any]] | UnsetType = UNSET
    tool_name: str | UnsetType = UNSET


class ConversationSummary(Struct, frozen=True, kw_only=True):
    """A conversation as a list shows it."""

    id: str
    title: str
    created: datetime
    updated: datetime
    turns: int


class Conversation(Struct, frozen=True, kw_only=True):
    """A conversation with all its turns, oldest first."""

    id: str
    title: str
    created: datetime
    updated: datetime
    turns: tuple[Turn, ...] = ()
